import { type SecureDatabase, sql } from '@portcullis/sql'

/** An account; `balance` in cents. */
export interface Account {
  readonly id: number
  readonly balance: number
}

/** What became of a transfer. */
export type TransferResult =
  | {
      readonly outcome: 'done'
      readonly id: number
      readonly fromAccount: number
      readonly toAccount: number
      readonly amount: number
      readonly balance: number
    }
  | { readonly outcome: 'no-account' | 'unknown-account' | 'same-account' | 'insufficient-funds' }

/** The accounts of one user. */
export async function listAccounts(database: SecureDatabase, owner: number): Promise<Account[]> {
  const { rows } = await database.query<{ id: number; balance: string }>(
    sql`select id, balance from portcullis_payments.accounts where owner_id = ${owner} order by id`,
  )
  return rows.map((row) => ({ id: row.id, balance: Number(row.balance) }))
}

/**
 * Moves cents from the owner's account to another one, in one transaction: whoever throws has moved nothing.
 * Both rows are locked first, in the order of their ids: two transfers wait for each other but never in a circle,
 * and the balance that is checked is the balance that is written. Row-level security holds the entry to the owner's account.
 */
export function transfer(
  database: SecureDatabase,
  owner: number,
  toAccount: number,
  amount: number,
): Promise<TransferResult> {
  return database.as(String(owner), async (own): Promise<TransferResult> => {
    const { rows } = await own.query<{ id: number; owner_id: number; balance: string }>(
      sql`select id, owner_id, balance from portcullis_payments.accounts
           where owner_id = ${owner} or id = ${toAccount} order by id for update`,
    )
    const from = rows.find((row) => row.owner_id === owner)
    if (from === undefined) return { outcome: 'no-account' }
    if (from.id === toAccount) return { outcome: 'same-account' }
    if (!rows.some((row) => row.id === toAccount)) return { outcome: 'unknown-account' }
    if (Number(from.balance) < amount) return { outcome: 'insufficient-funds' }
    const after = await own.query<{ balance: string }>(
      sql`update portcullis_payments.accounts set balance = balance - ${amount} where id = ${from.id} returning balance`,
    )
    await own.query(sql`update portcullis_payments.accounts set balance = balance + ${amount} where id = ${toAccount}`)
    const entry = await own.query<{ id: number }>(
      sql`insert into portcullis_payments.transfers (from_account, to_account, amount)
          values (${from.id}, ${toAccount}, ${amount}) returning id`,
    )
    return {
      outcome: 'done',
      id: entry.rows[0]?.id as number,
      fromAccount: from.id,
      toAccount,
      amount,
      balance: Number(after.rows[0]?.balance),
    }
  })
}
