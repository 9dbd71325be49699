import { hash } from 'node:crypto'
import { refusing, type Charge, type Decision } from './decision.ts'
import { emissionOf } from './emission.ts'
import type { RedisClient } from './options.ts'
import { script } from './redis-script.ts'
import { subjectHash } from './subject.ts'

const digest = hash('sha1', script)

/** Milliseconds between attempts while the server does not answer. */
const PAUSE = 1000

/** States of an ioredis client in which a command would wait in its queue, and be counted long after its request. */
const LOST: ReadonlySet<string | undefined> = new Set(['reconnecting', 'close', 'end'])

/** Why the server counts as away. */
export type OutageReason = 'timeout' | 'error'

/** What the store is built from. */
export interface RedisStoreParts {
  readonly client: RedisClient
  readonly prefix: string
  readonly timeoutMs: number
  /** Milliseconds, never going back. */
  readonly clock: () => number
  /** Called once when an outage begins. */
  readonly onOutage: (reason: OutageReason) => void
}

/** Quotas in Redis: one script a decision, a deadline, and a breaker that keeps an outage from delaying everybody. */
export class RedisStore {
  readonly #parts: RedisStoreParts
  #down = false
  #probing = false
  #nextAttempt = 0

  constructor(parts: RedisStoreParts) {
    this.#parts = parts
  }

  /**
   * Compiles the decider.
   * @returns a function that answers null while the server is away, and a promise that resolves to null if it
   * does not answer in time; it never rejects.
   */
  decider(): (charges: readonly Charge[]) => Promise<Decision | null> | null {
    const { prefix } = this.#parts
    return (charges) => {
      if (this.#down) {
        if (this.#probing || this.#parts.clock() < this.#nextAttempt) return null
        this.#probing = true
      }
      if (LOST.has(this.#parts.client.status)) {
        this.#failed('error')
        return null
      }
      // The hash in braces is the cluster's hash tag: all quotas of one caller live on one node.
      const keys = charges.map(({ quota: { tag }, subject }) => `${prefix}{${subjectHash(subject)}}:${tag}`)
      const args = charges.flatMap(({ quota: { algorithm, window, burst }, limit, cost }) =>
        algorithm === 'token-bucket' || algorithm === 'leaky-bucket'
          ? ['g', String(emissionOf(limit, window)), String(burst ?? limit), String(cost)]
          : ['f', String(window * 1_000_000), String(limit), String(cost)],
      )
      return this.#ask(keys, args, (answer) => decisionOf(answer, charges))
    }
  }

  #ask(
    keys: readonly string[],
    args: readonly string[],
    read: (answer: unknown) => Decision | null,
  ): Promise<Decision | null> {
    return new Promise((resolve) => {
      let waiting = true
      const settle = (reason: OutageReason | null, decision: Decision | null): void => {
        if (!waiting) return
        waiting = false
        clearTimeout(timer)
        if (reason === null) this.#answered(decision)
        else this.#failed(reason)
        resolve(decision)
      }
      // A busy process is late itself: what has arrived meanwhile is read before the server is blamed.
      const timer = setTimeout(() => setImmediate(settle, 'timeout', null), this.#parts.timeoutMs)
      this.#evaluate(keys, args).then(
        (answer) => {
          const decision = read(answer)
          settle(decision === null ? 'error' : null, decision)
        },
        () => settle('error', null),
      )
    })
  }

  async #evaluate(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const { client } = this.#parts
    try {
      return await client.evalsha(digest, keys.length, ...keys, ...args)
    } catch (error) {
      // The server has restarted or its scripts were flushed: the text loads it again.
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) {
        return client.eval(script, keys.length, ...keys, ...args)
      }
      throw error
    }
  }

  #answered(decision: Decision | null): void {
    this.#probing = false
    if (!this.#down) return
    // A replica, or a server without memory, still refuses: only a write proves that it is back.
    if (decision !== null && refusing(decision) === undefined) this.#down = false
    else this.#nextAttempt = this.#parts.clock()
  }

  #failed(reason: OutageReason): void {
    this.#probing = false
    this.#nextAttempt = this.#parts.clock() + PAUSE
    if (this.#down) return
    this.#down = true
    this.#parts.onOutage(reason)
  }
}

/** Reads the script's answer; null if it is not one. */
function decisionOf(answer: unknown, charges: readonly Charge[]): Decision | null {
  if (!Array.isArray(answer) || answer.length !== charges.length * 5) return null
  const numbers = answer.map((value) => (typeof value === 'string' ? Number(value) : (value as number)))
  if (!numbers.every(Number.isFinite)) return null
  return charges.map((charge, i) => {
    const capacity = charge.quota.burst ?? charge.limit
    const [allowed, before, after, resetMs, retryMs] = numbers.slice(i * 5, i * 5 + 5) as FiveNumbers
    const standing = { allowed: allowed === 1, capacity, before, after, resetMs, retryMs, until: 0 }
    return { ...charge, standing }
  })
}

type FiveNumbers = [number, number, number, number, number]
