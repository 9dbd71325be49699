import { AnswerWait, type WaitParts } from './answer-wait.ts'
import { Breaker, type OutageListener } from './breaker.ts'
import type { Plan } from './redis-plan.ts'
import type { RedisRunner } from './redis-client.ts'
import { ServerClock } from './server-clock.ts'

/** One decision to be made by the script. */
export interface Ask {
  readonly plan: Plan
  readonly keys: readonly string[]
  /** One argument more. */
  readonly extra?: string
  /**
   * Told the answer once: the numbers from `at` on are this decision's, `time` is the server's clock. Null: none in time.
   * @returns whether it shows that the server writes
   */
  readonly settle: (numbers: readonly number[] | null, at: number, time: number) => boolean
  /** Told instead if the answer comes after `settle` was told that there is none. */
  readonly late: (numbers: readonly number[], at: number, time: number) => void
}

/** What a lane is built from. */
export interface LaneParts extends OutageListener, WaitParts {
  readonly runner: RedisRunner
}

/** Decisions that one command carries at most: a server does nothing else meanwhile. */
const MOST = 100

/** A deadline that has passed on every clock. */
const PASSED = 1

/** What leaves for one server: a breaker, its clock, and commands that carry the decisions of one tick. */
export class Lane {
  readonly #parts: LaneParts
  readonly #breaker: Breaker
  readonly #clock = new ServerClock()
  #open = new Map<number, Ask[]>()

  constructor(parts: LaneParts) {
    this.#parts = parts
    this.#breaker = new Breaker(parts)
  }

  /** Whether the server may be asked. While it is away, asking is the attempt. */
  admits(): boolean {
    const now = this.#parts.clock()
    if (!this.#breaker.admits(now)) return false
    if (!this.#parts.runner.lost) return true
    this.#breaker.failed(now, 'error', 0)
    return false
  }

  /**
   * Learns the server's clock and leaves it the script, before requests come: the first of them, in a process that is
   * still cold, would wait for three trips. Whether it is answered changes nothing else.
   */
  greet(): void {
    const { clock, runner } = this.#parts
    if (runner.lost) return
    const sent = clock()
    runner.run([], [String(PASSED)]).then(
      (answer) => {
        const time = read(answer)?.[0]
        if (time !== undefined) this.#clock.learn(time, sent, clock())
      },
      () => {},
    )
  }

  /** Adds a decision to the command that leaves at the end of this tick. */
  ask(slot: number, ask: Ask): void {
    if (this.#open.size === 0) setImmediate(() => this.#leave())
    const batch = this.#open.get(slot)
    if (batch === undefined) this.#open.set(slot, [ask])
    else {
      batch.push(ask)
      if (batch.length === MOST) {
        this.#open.delete(slot)
        this.#carry(batch)
      }
    }
  }

  #leave(): void {
    const open = this.#open
    this.#open = new Map()
    for (const batch of open.values()) this.#carry(batch)
  }

  #carry(batch: readonly Ask[]): void {
    const { clock, runner, timeoutMs } = this.#parts
    const start = clock()
    const { keys, sections, order } = packed(batch)
    const wait = new AnswerWait(this.#parts, this.#breaker, () => {
      for (const { settle } of batch) settle(null, 0, 0)
    })

    const send = (): void => {
      const sent = clock()
      const deadline = this.#clock.at(start + timeoutMs) ?? PASSED
      runner.run(keys, [String(Math.max(PASSED, deadline)), ...sections]).then(
        (answer) => {
          const numbers = read(answer)
          if (numbers === null) return wait.fail('error')
          const received = clock()
          const time = numbers[0] as number
          this.#clock.learn(time, sent, received)
          if (numbers.length === 1) {
            // Decided nothing: the server's clock is ahead of what we knew. In time, it is asked again.
            if (!wait.isOver && received < start + timeoutMs) send()
            return
          }
          if (numbers.length !== 1 + order.reduce((sum, { plan }) => sum + plan.answers, 0)) return wait.fail('error')
          let at = 1
          if (wait.isOver) {
            for (const one of order) {
              one.late(numbers, at, time)
              at += one.plan.answers
            }
            return
          }
          wait.end()
          let wrote = false
          for (const one of order) {
            if (one.settle(numbers, at, time)) wrote = true
            at += one.plan.answers
          }
          this.#breaker.answered(received, wrote)
        },
        () => wait.fail('error'),
      )
    }
    send()
  }
}

/** Puts decisions alike side by side, as the script takes them. */
function packed(batch: readonly Ask[]): { keys: string[]; sections: string[]; order: readonly Ask[] } {
  const byPlan = new Map<Plan, Ask[]>()
  for (const one of batch) {
    const alike = byPlan.get(one.plan)
    if (alike === undefined) byPlan.set(one.plan, [one])
    else alike.push(one)
  }
  const keys: string[] = []
  const sections: string[] = []
  for (const [{ act, quotas, args }, alike] of byPlan) {
    sections.push(act, String(quotas), String(alike.length), ...args)
    for (const one of alike) {
      keys.push(...one.keys)
      if (one.extra !== undefined) sections.push(one.extra)
    }
  }
  return { keys, sections, order: byPlan.size === 1 ? batch : [...byPlan.values()].flat() }
}

/** The script's answer as numbers; null if it is not one. */
function read(answer: unknown): number[] | null {
  if (!Array.isArray(answer) || answer.length === 0) return null
  if (answer.every(Number.isSafeInteger)) return answer as number[]
  const numbers = answer.map((value) => (typeof value === 'string' ? Number(value || Number.NaN) : (value as number)))
  return numbers.every(Number.isSafeInteger) ? numbers : null
}
