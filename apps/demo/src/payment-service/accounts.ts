import type pg from 'pg'
import { transaction } from '../database/transaction.ts'

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
export async function listAccounts(pool: pg.Pool, owner: number): Promise<Account[]> {
  const { rows } = await pool.query<{ id: number; balance: string }>(
    'select id, balance from portcullis_payments.accounts where owner_id = $1 order by id',
    [owner],
  )
  return rows.map((row) => ({ id: row.id, balance: Number(row.balance) }))
}

/**
 * Moves cents from the owner's account to another one.
 * Both rows are locked first, in the order of their ids: two transfers wait for each other but never in a circle,
 * and the balance that is checked is the balance that is written.
 */
export function transfer(pool: pg.Pool, owner: number, toAccount: number, amount: number): Promise<TransferResult> {
  return transaction<TransferResult>(pool, async (client) => {
    const { rows } = await client.query<{ id: number; owner_id: number; balance: string }>(
      `select id, owner_id, balance from portcullis_payments.accounts
        where owner_id = $1 or id = $2 order by id for update`,
      [owner, toAccount],
    )
    const from = rows.find((row) => row.owner_id === owner)
    if (from === undefined) return { outcome: 'no-account' }
    if (from.id === toAccount) return { outcome: 'same-account' }
    if (!rows.some((row) => row.id === toAccount)) return { outcome: 'unknown-account' }
    if (Number(from.balance) < amount) return { outcome: 'insufficient-funds' }
    const after = await client.query<{ balance: string }>(
      'update portcullis_payments.accounts set balance = balance - $2 where id = $1 returning balance',
      [from.id, amount],
    )
    await client.query('update portcullis_payments.accounts set balance = balance + $2 where id = $1', [
      toAccount,
      amount,
    ])
    const entry = await client.query<{ id: number }>(
      'insert into portcullis_payments.transfers (from_account, to_account, amount) values ($1, $2, $3) returning id',
      [from.id, toAccount, amount],
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
