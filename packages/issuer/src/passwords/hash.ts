import { hash, parseOptions, verify } from '@node-rs/argon2'
import type { Random } from '../sessions/refresh-token.ts'
import { canonicalPassword } from './rules.ts'
import type { BoundedQueue } from './bounded-queue.ts'

/** Argon2id, in the library's numbering. */
const ARGON2ID = 2

/** Parameters of Argon2id (RFC 9106 §3.1). */
export interface HashParameters {
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

/**
 * What a stored hash may cost at most, unless the options ask for more. It says itself what verifying it takes: one that
 * somebody has planted would take all memory, and the process with it.
 */
const MOST: HashParameters = { memoryKiB: 131_072, passes: 16, lanes: 16 }

/** What is known of an account that somebody wants to sign in to. */
export interface PasswordAccount {
  /** As `hashPassword` gave it. */
  readonly passwordHash: string
  /** Locked by an administrator: the right password is answered like a wrong one. Whatever is truthy locks. */
  readonly locked?: boolean
}

/** What a verification found. `busy`: the queue is full. */
export type Verification = 'busy' | { readonly matches: boolean; readonly outdated: boolean }

/** Hashes passwords, a few at a time: each takes `memoryKiB` of memory while it runs. */
export class PasswordHasher {
  readonly #parameters: HashParameters
  readonly #queue: BoundedQueue
  readonly #dummy: string

  constructor(parameters: HashParameters, queue: BoundedQueue, random: Random) {
    this.#parameters = parameters
    this.#queue = queue
    this.#dummy = nobodys(parameters, random)
  }

  /** @param password as `canonicalPassword` gives it @returns PHC form; null if the queue is full */
  async hash(password: string): Promise<string | null> {
    return this.#run(() => hashed(password, this.#parameters))
  }

  /** Takes as long for an account that nobody has, that is locked, or whose hash cannot be read. */
  async verify(password: unknown, account: PasswordAccount | null | undefined): Promise<Verification> {
    const text = canonicalPassword(password)
    // Nobody's hash is read like anybody's: what differs is left to the last line.
    const presented = account?.passwordHash ?? this.#dummy
    const stored = this.#affordable(readParameters(presented))
    const matches = await this.#run(() => verify(stored === null ? this.#dummy : presented, text ?? ''))
    if (matches === null) return 'busy'
    return {
      matches:
        matches && text !== null && stored !== null && account !== null && account !== undefined && !account.locked,
      outdated: stored !== null && this.#isOutdated(stored),
    }
  }

  /** @returns null if the queue is full, or no memory is left for one more */
  async #run<T>(task: () => Promise<T>): Promise<T | null> {
    try {
      return await this.#queue.run(task)
    } catch {
      // The library fails for nothing else: what it is given was read before.
      return null
    }
  }

  #affordable(stored: HashParameters | null): HashParameters | null {
    const { memoryKiB, passes, lanes } = this.#parameters
    return stored !== null &&
      stored.memoryKiB <= Math.max(memoryKiB, MOST.memoryKiB) &&
      stored.passes <= Math.max(passes, MOST.passes) &&
      stored.lanes <= Math.max(lanes, MOST.lanes)
      ? stored
      : null
  }

  #isOutdated(stored: HashParameters): boolean {
    const { memoryKiB, passes, lanes } = this.#parameters
    return stored.memoryKiB < memoryKiB || stored.passes < passes || stored.lanes < lanes
  }
}

/** A hash in PHC form that takes as long to verify as one of ours, and that no password has. */
function nobodys({ memoryKiB, passes, lanes }: HashParameters, random: Random): string {
  const bytes = (size: number): string => random(size).toString('base64').replaceAll('=', '')
  return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$${bytes(16)}$${bytes(32)}`
}

function hashed(password: string, { memoryKiB, passes, lanes }: HashParameters): Promise<string> {
  return hash(password, { algorithm: ARGON2ID, memoryCost: memoryKiB, timeCost: passes, parallelism: lanes })
}

/** The parameters of a hash; null for what is not one of Argon2id. */
function readParameters(phc: unknown): HashParameters | null {
  if (typeof phc !== 'string' || !phc.startsWith('$argon2id$')) return null
  try {
    const { memoryCost, timeCost, parallelism } = parseOptions(phc)
    return { memoryKiB: memoryCost, passes: timeCost, lanes: parallelism }
  } catch {
    return null
  }
}
