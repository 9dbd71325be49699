/** How much each caller may ask. Tests and load tests may choose others: no code of theirs goes another way. */
export interface Limits {
  /** A minute, of one address, on every route. */
  readonly perAddress: number
  /** A minute, of one user, unless a route says otherwise. */
  readonly perUser: number
  /** Attempts to sign in a minute, of one address, beside the guard. */
  readonly perLoginAddress: number
  /** Registrations a minute, of one address. */
  readonly perRegisterAddress: number
  /** Failures to give a password that are free, and the seconds in which so many are forgotten. */
  readonly failures: {
    readonly perPair: number
    readonly perAccount: number
    readonly perAddress: number
    readonly window: number
  }
}

/** The demo's own. */
export const standardLimits: Limits = {
  perAddress: 300,
  perUser: 100,
  perLoginAddress: 20,
  perRegisterAddress: 20,
  failures: { perPair: 5, perAccount: 20, perAddress: 50, window: 900 },
}

/** So high that nobody meets them: for whoever measures, or attacks, what lies behind them. */
export const liftedLimits: Limits = {
  perAddress: 1_000_000,
  perUser: 1_000_000,
  perLoginAddress: 1_000_000,
  perRegisterAddress: 1_000_000,
  failures: { perPair: 1000, perAccount: 1000, perAddress: 1000, window: 1 },
}
