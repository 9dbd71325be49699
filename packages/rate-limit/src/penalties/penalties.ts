import { emit } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import type { Decision } from '../decision.ts'
import { events } from '../events.ts'
import { secondsOf } from '../fields.ts'
import { Offenders } from './offenders.ts'
import type { Quota } from '../policy.ts'
import { subjectHash } from '../subject.ts'

/** Offenders remembered of each policy. */
const PLACES = 128

/** Somebody whom a policy of this process refuses often. */
export interface TopOffender {
  readonly policy: string
  /** Hash of whom the quota belongs to, as in events. */
  readonly key: string
  /** Refusals since the process began: at most `error` too many, never too few. */
  readonly refusals: number
  /** At most 1/128 of all refusals of the policy. */
  readonly error: number
}

/** What follows from refusals: who is refused most, and the events of bans. */
export class Penalties {
  readonly #offenders = new Map<string, Offenders>()
  readonly #observed = new WeakSet<Quota>()

  /** These quotas belong to a room that only reports. */
  observe(quotas: readonly Quota[]): void {
    for (const quota of quotas) this.#observed.add(quota)
  }

  /** Takes note of a decision that refuses. */
  note(request: FastifyRequest, decision: Decision): void {
    for (const { quota, subject, standing, ban } of decision) {
      if (standing.allowed || quota.reportOnly) continue
      let offenders = this.#offenders.get(quota.name)
      if (offenders === undefined) this.#offenders.set(quota.name, (offenders = new Offenders(PLACES)))
      offenders.add(subject)
      if (ban !== 'begun') continue
      emit(request, events['rate-limit.banned'], {
        outcome: this.#observed.has(quota) ? 'observed' : 'denied',
        detail: { policy: quota.name, key: subjectHash(subject), seconds: secondsOf(standing.retryMs) },
      })
    }
  }

  /** Forgets somebody's refusals. */
  forget(policy: string, subject: string): void {
    this.#offenders.get(policy)?.forget(subject)
  }

  /** The most refused of all policies, most first. */
  top(count: number): TopOffender[] {
    return [...this.#offenders]
      .flatMap(([policy, offenders]) => offenders.top(count).map((one) => ({ policy, ...one })))
      .toSorted((one, other) => other.refusals - one.refusals)
      .slice(0, count)
      .map(({ policy, subject, refusals, error }) => ({ policy, key: subjectHash(subject), refusals, error }))
  }
}
