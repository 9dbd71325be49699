import { completeLoginGuard, type CompleteLoginGuard, type LoginGuardOptions } from './login-options.ts'
import { parsePolicy, type Quota } from '../policy.ts'

/** What a login guard counts. */
export interface LoginQuotas {
  /** Failures of one address at one account. */
  readonly pair: Quota
  /** Failures of one address. */
  readonly address: Quota
  /** Failures at one account. */
  readonly account: Quota
  /** Failures of one address at one account under one spelling; never refused. */
  readonly spelledPair: Quota
  /** Failures at one account under one spelling; never refused. */
  readonly spelledAccount: Quota
  /** Which pairs have signed in before: spent by successes, never refused. Undefined: nobody is trusted. */
  readonly trusted: Quota | undefined
}

/** More than anybody signs in: a quota that is only ever asked whether it has been touched. */
export const UNTOUCHED = 1_000_000

/** The quotas of a login guard. */
export function loginQuotas(guard: CompleteLoginGuard): LoginQuotas {
  const { name, perPair, perAddress, perAccount, window, delay, trust } = guard
  const backoff = (guards: NonNullable<Quota['guards']>, limit: number, delays: Quota['delay'] = delay): Quota => {
    const plain = parsePolicy({ name: `${name}.${guards}`, limit, window })
    const tag = `${plain.name}:b:${limit}:${window}:${delays?.first}:${delays?.longest}`
    return Object.freeze({ ...plain, algorithm: 'backoff', delay: delays, guards, tag })
  }
  return {
    pair: backoff('pair', perPair),
    address: backoff('address', perAddress),
    account: backoff('account', perAccount),
    spelledPair: backoff('spelled-pair', perPair, NO_DELAY),
    spelledAccount: backoff('spelled-account', perAccount, NO_DELAY),
    trusted:
      trust === 0
        ? undefined
        : Object.freeze({
            ...parsePolicy({ name: `${name}.trusted`, limit: UNTOUCHED, window: trust }),
            guards: 'spelled-pair' as const,
          }),
  }
}

const NO_DELAY = Object.freeze({ first: 0, longest: 0 })

/** Milliseconds in which one failure is forgotten. */
export function unitOf({ window, limit }: Quota): number {
  return Math.ceil((window * 1000) / (limit as number))
}

/** Names of what a guard counts. The first letter says the kind; hashes are of one length, so pairs cannot be respelt. */
export const loginSubjects = {
  account: (account: string): string => `u${account}`,
  pair: (account: string | null, address: string): string =>
    account === null ? `q${address}` : `p${account}${address}`,
} as const

/** All quotas of a route's guard: their names must mean one thing everywhere. */
export function guardedQuotas(given: Readonly<LoginGuardOptions> | undefined): Quota[] {
  if (given === undefined) return []
  const { trusted, ...all } = loginQuotas(completeLoginGuard(given))
  const quotas: Quota[] = [all.pair, all.address, all.spelledPair, all.account, all.spelledAccount]
  return trusted === undefined ? quotas : [...quotas, trusted]
}
