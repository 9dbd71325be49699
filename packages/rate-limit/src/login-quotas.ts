import { completeLoginGuard, type CompleteLoginGuard, type LoginGuardOptions } from './login-options.ts'
import { parsePolicy, type Quota } from './policy.ts'

/** What a login guard counts. */
export interface LoginQuotas {
  /** Failures of one address at one account. */
  readonly pair: Quota
  /** Failures of one address. */
  readonly address: Quota
  /** Failures at one account. */
  readonly account: Quota
  /** Which pairs have signed in before: spent by successes, never refused. Undefined: nobody is trusted. */
  readonly trusted: Quota | undefined
}

/** More than anybody signs in: a quota that is only ever asked whether it has been touched. */
export const UNTOUCHED = 1_000_000

/** The quotas of a login guard. */
export function loginQuotas(guard: CompleteLoginGuard): LoginQuotas {
  const { name, perPair, perAddress, perAccount, window, delay, trust } = guard
  const backoff = (guards: 'account' | 'address' | 'pair', limit: number): Quota => {
    const plain = parsePolicy({ name: `${name}.${guards}`, limit, window })
    const tag = `${plain.name}:b:${limit}:${window}:${delay.first}:${delay.longest}`
    return Object.freeze({ ...plain, algorithm: 'backoff', delay, guards, tag })
  }
  return {
    pair: backoff('pair', perPair),
    address: backoff('address', perAddress),
    account: backoff('account', perAccount),
    trusted:
      trust === 0
        ? undefined
        : Object.freeze({
            ...parsePolicy({ name: `${name}.trusted`, limit: UNTOUCHED, window: trust }),
            guards: 'pair' as const,
          }),
  }
}

/** Names of what a guard counts. The first letter says the kind; hashes are of one length, so pairs cannot be respelt. */
export const loginSubjects = {
  address: (address: string): string => address,
  account: (account: string): string => `u${account}`,
  pair: (account: string | null, address: string): string =>
    account === null ? `q${address}` : `p${account}${address}`,
} as const

/** All quotas of a route's guard: their names must mean one thing everywhere. */
export function guardedQuotas(given: Readonly<LoginGuardOptions> | undefined): Quota[] {
  if (given === undefined) return []
  const { pair, address, account, trusted } = loginQuotas(completeLoginGuard(given))
  return trusted === undefined ? [pair, address, account] : [pair, address, account, trusted]
}
