/** One figure of a proof, against its bound. */
export interface Figure {
  readonly name: string
  /** What was measured, with its unit. */
  readonly figure: string
  /** What it is held to. */
  readonly bound: string
  readonly ok: boolean
}

/** `full`: what `pnpm prove` runs. `small`: the same code, as fast as a test. */
export type Size = 'full' | 'small'
