import { emit, type Refusal } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import type { Decision, Part } from './decision.ts'
import { errors } from './errors.ts'
import { secondsOf } from './fields.ts'
import type { Quota } from './policy.ts'
import { subjectHash } from './subject.ts'

/** What a refused caller reads. The number is the one in `Retry-After`. */
export function sentenceOf(kind: Quota['sentence'], seconds: number, fact: string = 'Rate limit exceeded.'): string {
  if (kind === 'later') return `${fact} Try again later.`
  return `${fact} Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`
}

/** What a banned caller reads first. */
const BANNED = 'Too many requests were refused.'

/** Tells what quotas that only report would have refused. */
export function tellObserved(request: FastifyRequest, decision: Decision): void {
  for (const part of decision) {
    if (part.standing.allowed || !part.quota.reportOnly) continue
    const { code, event, details } = exceeded(part)
    emit(request, event, { outcome: 'observed', code, ...(details.detail && { detail: details.detail }) })
  }
}

/** The refusal of one quota. */
export function exceeded({ quota, subject, standing, ban }: Part): Refusal {
  // RFC 9110 §10.2.3: 0 would mean "at once".
  const retryAfter = Math.max(1, secondsOf(standing.retryMs))
  const refusal = ban === undefined ? errors.PTC_RATE_LIMIT_EXCEEDED : errors.PTC_RATE_LIMIT_BANNED
  return refusal.with({
    sentence: sentenceOf(quota.sentence, retryAfter, ban && BANNED),
    retryAfter,
    // Hashed when somebody reads it: under attack a refusal must stay cheap.
    detail: {
      policy: quota.name,
      get key() {
        return subjectHash(subject)
      },
    },
  })
}
