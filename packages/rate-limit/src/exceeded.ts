import type { Refusal } from '@portcullis/kernel'
import type { Part } from './decision.ts'
import { errors } from './errors.ts'
import { secondsOf } from './fields.ts'
import type { Quota } from './policy.ts'
import { subjectHash } from './subject.ts'

/** What a refused caller reads. The number is the one in `Retry-After`. */
export function sentenceOf(kind: Quota['sentence'], seconds: number): string {
  if (kind === 'later') return 'Rate limit exceeded. Try again later.'
  return `Rate limit exceeded. Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`
}

/** The refusal of one quota. */
export function exceeded({ quota, subject, standing }: Part): Refusal {
  // RFC 9110 §10.2.3: 0 would mean "at once".
  const retryAfter = Math.max(1, secondsOf(standing.retryMs))
  return errors.PTC_RATE_LIMIT_EXCEEDED.with({
    sentence: sentenceOf(quota.sentence, retryAfter),
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
