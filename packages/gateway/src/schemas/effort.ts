import { _, type Ajv2020, type KeywordCxt } from 'ajv/dist/2020.js'

/** Steps that judging may take, whatever the size of the message; and further ones for each of its bytes. */
const LEAST = 20_000
const PER_BYTE = 16

/** The keyword that counts: no document can write it, for it is none that is known. */
export const COUNTED = 'portcullisEffort'

/** What judging is given up with. */
class Exhausted extends Error {}

/**
 * Bounds what judging costs. Schemas that contain themselves in several branches of `oneOf` are tried 2ⁿ times on a value
 * that is n deep: some hundred bytes would take hours.
 */
export class Effort {
  #left = Infinity

  /** Counts each time that a schema with the keyword is tried. */
  constructor(ajv: Ajv2020) {
    const step = (): void => {
      if (this.#left-- <= 0) throw new Exhausted('too many steps')
    }
    ajv.addKeyword({
      keyword: COUNTED,
      schemaType: 'boolean',
      code({ gen }: KeywordCxt) {
        gen.code(_`${gen.scopeValue('func', { ref: step })}()`)
      },
    })
  }

  /**
   * Judges within bounds.
   * @param size bytes of the message
   * @returns null if it would take more
   */
  within(size: number, judge: () => boolean): boolean | null {
    this.#left = LEAST + PER_BYTE * size
    try {
      return judge()
    } catch (error) {
      // A stack holds fewer steps than a long message may take.
      if (error instanceof Exhausted || error instanceof RangeError) return null
      throw error
    } finally {
      this.#left = Infinity
    }
  }
}
