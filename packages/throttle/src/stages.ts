import { isDeepStrictEqual } from 'node:util'
import {
  compilePartition,
  emit,
  partitionKeys,
  type CallerOf,
  type PartitionBy,
  type Refusal,
  type Step,
} from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import type { Timers } from './alarm.ts'
import { Attendance } from './attendance.ts'
import { events } from './events.ts'
import { Pacer } from './pacer.ts'
import { Places } from './places.ts'
import type { Policy, WaitingRule } from './policy.ts'
import type { TooLate } from './queue.ts'
import { interrupted, refusalsOf } from './refusals.ts'
import { SlowDown } from './slow-down.ts'
import type { Turn } from './turn.ts'

/** What keeps requests waiting. */
interface Keeper {
  enter(subject: string, caller: string): null | Turn | TooLate
  close(): void
}

/** One rule of a policy, as a request meets it. */
export interface Stage {
  readonly rule: WaitingRule
  enter(request: FastifyRequest): null | Turn | TooLate
  refusal(ms: number): Refusal
  readonly interrupted: Refusal
}

/** What stages are made of. */
export interface StageParts {
  readonly timers: Timers
  /** What the registration itself asks for. */
  readonly scope: Policy
  readonly apiKeyField: string
  /** Told when a `partitionBy` gives no name. */
  readonly onThrow: (rule: string, error: unknown) => void
}

/** The rules of one registration and its routes, and all who wait. */
export class Stages {
  readonly attendance: Attendance = new Attendance()
  readonly #parts: StageParts
  readonly #keepers: Keeper[] = []
  readonly #ofScope = new Map<WaitingRule, Keeper>()

  constructor(parts: StageParts) {
    this.#parts = parts
  }

  /** Compiles one rule; undefined if the policy has none. */
  stage(rule: WaitingRule, policy: Policy): Stage | undefined {
    const asked = policy[rule]
    if (asked === null) return undefined
    const subject = this.#caller(rule, asked.partitionBy)
    // In a line of one's own there is nobody to be fair to.
    const caller =
      rule !== 'delayAfter' && partitionKeys(asked.partitionBy).every((key) => key === 'global')
        ? this.#caller('queue', policy.queue.partitionBy)
        : subject
    const keeperOf = this.#keeperOf(rule, policy)
    return {
      rule,
      enter(request) {
        const name = subject(request)
        return keeperOf(request).enter(name, caller === subject ? name : caller(request))
      },
      refusal: refusalsOf(rule),
      interrupted: interrupted(rule),
    }
  }

  /** Compiles stages into one step: a request passes one after the other. */
  step(stages: readonly Stage[], reportOnly: boolean): Step {
    const { attendance } = this
    const pass = (from: number, request: FastifyRequest): ReturnType<Step> => {
      for (let at = from; at < stages.length; at++) {
        const stage = stages[at] as Stage
        if (attendance.closing) return stage.interrupted
        const turn = stage.enter(request)
        if (turn === null) continue
        if (typeof turn === 'number') return stage.refusal(turn)
        // What is only observed keeps its place in the queue until its turn, as if its request had waited.
        if (reportOnly && stage.rule !== 'concurrency') {
          tell(request, stage, turn, reportOnly)
          continue
        }
        if (!attendance.join(request, turn)) return nobody()
        if (turn.state === 'holding') continue
        tell(request, stage, turn, reportOnly)
        if (reportOnly) continue
        return new Promise((resolve) => {
          const settle: Turn['settle'] = (ending) => {
            if (ending === 'go') resolve(pass(at + 1, request))
            else if (ending === 'late') resolve(stage.refusal(0))
            else if (ending === 'closing') resolve(stage.interrupted)
          }
          turn.settle = settle
        })
      }
      return undefined
    }
    return (request) => pass(0, request)
  }

  /** The app closes: whoever waits is answered. */
  close(): void {
    this.attendance.closing = true
    for (const keeper of this.#keepers) keeper.close()
  }

  #caller(rule: string, partitionBy: PartitionBy): CallerOf {
    const { apiKeyField, onThrow } = this.#parts
    return compilePartition(partitionBy, { apiKeyField, onThrow: (error) => onThrow(rule, error) })
  }

  /** What a route has from its scope it shares with it; what it changes is its own. */
  #keeperOf(rule: WaitingRule, policy: Policy): (request: FastifyRequest) => Keeper {
    const { scope } = this.#parts
    if (isDeepStrictEqual(policy[rule], scope[rule]) && isDeepStrictEqual(policy.queue, scope.queue)) {
      const shared = this.#ofScope.get(rule) ?? this.#open(rule, policy)
      this.#ofScope.set(rule, shared)
      return () => shared
    }
    const byRoute = new Map<string, Keeper>()
    return (request) => {
      // HEAD is GET without its content (RFC 9110 §9.3.2).
      const method = request.method === 'HEAD' ? 'GET' : request.method
      const route = `${method} ${request.routeOptions.url}`
      let keeper = byRoute.get(route)
      if (keeper === undefined) {
        keeper = this.#open(rule, policy)
        byRoute.set(route, keeper)
      }
      return keeper
    }
  }

  #open(rule: WaitingRule, { rate, concurrency, delayAfter, queue }: Policy): Keeper {
    const { timers } = this.#parts
    const keeper =
      rule === 'rate' && rate !== null
        ? new Pacer(rate, queue, timers)
        : rule === 'concurrency' && concurrency !== null
          ? new Places(concurrency.limit, concurrency.maxHold && concurrency.maxHold * 1000, queue, timers)
          : new SlowDown(delayAfter as NonNullable<typeof delayAfter>, queue, timers)
    this.#keepers.push(keeper)
    return keeper
  }
}

/**
 * Nobody is left to be answered: the request goes no further. A reply says so only at once: it is a thenable, which as a
 * promise's value becomes nothing, and that lets the request go on.
 */
const nobody = (): Promise<undefined> => new Promise(() => {})

/** Tells that a request waits, or, under `reportOnly`, would. */
function tell(request: FastifyRequest, { rule, refusal }: Stage, turn: Turn, reportOnly: boolean): void {
  emit(request, events['throttle.delayed'], {
    outcome: reportOnly ? 'observed' : 'allowed',
    detail: { rule, expectedMs: Math.ceil(turn.expectedMs) },
  })
  if (!reportOnly) return
  const settle: Turn['settle'] = (ending) => {
    if (ending !== 'late') return
    const { code, event } = refusal(0)
    emit(request, event, { outcome: 'observed', code, detail: { rule } })
  }
  turn.settle = settle
}
