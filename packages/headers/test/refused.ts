import type { Operation } from '@portcullis/testing/patch'

/** One bad configuration: what is wrong, the options, and the mistake it must be told as. */
export type Broken = [name: string, options: object, path: string, rule: string]

/** A mistake as boot errors carry it. */
export interface Told {
  path: string
  rule: string
  message: string
  fix: Operation[]
  route?: string
}

/** Boots what must not boot, and gives the mistakes it was told. */
export async function refused(boot: () => PromiseLike<unknown>): Promise<Told[]> {
  try {
    await boot()
  } catch (error) {
    const { mistakes } = error as { mistakes?: Told[] }
    if (mistakes === undefined) throw error
    return mistakes
  }
  throw new Error('it booted')
}
