import { emit } from '@portcullis/kernel'
import type { FastifyReply } from 'fastify'
import type { Decision, Part } from './decision.ts'
import { events } from './events.ts'
import { subjectHash } from './subject.ts'

/** Callers remembered as told of. */
const MOST = 10_000

/** Tells, once per window and caller, that a quota is nearly spent. */
export class Nearing {
  readonly #share: number
  readonly #told = new Map<string, number>()

  /** @param share of a quota that is left when it is told */
  constructor(share: number) {
    this.#share = share
  }

  /** Whether this very request brought a quota down to the share: a comparison, for most requests do not. */
  #crossed({ standing: { allowed, capacity, before, after } }: Part): boolean {
    const floor = capacity * this.#share
    return after <= floor && before > floor && allowed
  }

  /** Tells of the quotas that an admitted request brought down. */
  tell(reply: FastifyReply, decision: Decision, clock: () => number): void {
    for (const part of decision) {
      if (!this.#crossed(part)) continue
      const { quota, subject, standing } = part
      const now = clock()
      const key = `${quota.tag} ${subject}`
      if ((this.#told.get(key) ?? 0) > now) continue
      // What is told again stands at the end, so the first is the one told longest ago.
      this.#told.delete(key)
      if (this.#told.size >= MOST) this.#told.delete(this.#told.keys().next().value as string)
      this.#told.set(key, now + quota.window * 1000)
      emit(reply.request, events['rate-limit.nearing'], {
        outcome: 'allowed',
        detail: {
          policy: quota.name,
          limit: standing.capacity,
          remaining: standing.after,
          get key() {
            return subjectHash(subject)
          },
        },
      })
    }
  }
}
