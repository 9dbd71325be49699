const cents = { type: 'integer', description: 'Cents.' }
const account = { type: 'integer', minimum: 1, maximum: 2_147_483_647 }

/** `POST /transfer`: at most a billion in one go. */
export const transferBody: object = {
  type: 'object',
  additionalProperties: false,
  required: ['amount', 'toAccount'],
  properties: { amount: { ...cents, minimum: 1, maximum: 100_000_000_000 }, toAccount: account },
}

/** Answer to `POST /transfer`. */
export const transferAnswer: object = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'fromAccount', 'toAccount', 'amount', 'balance'],
  properties: { id: account, fromAccount: account, toAccount: account, amount: cents, balance: cents },
}

/** Answer to `GET /accounts`. */
export const accountsAnswer: object = {
  type: 'array',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['id', 'balance'],
    properties: { id: account, balance: cents },
  },
}
