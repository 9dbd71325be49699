import { emit, type Refusal, type RefusalDetails } from '@portcullis/kernel'
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

/** Sentences remembered at once. */
const MOST = 4096

/** Refusals by what they say: the kernel formats the body of each once. */
const prepared = new Map<number, Refusal>()

function saying(kind: Quota['sentence'], seconds: number, banned: boolean): Refusal {
  const key = seconds * 4 + (kind === 'later' ? 2 : 0) + (banned ? 1 : 0)
  const known = prepared.get(key)
  if (known !== undefined) return known
  if (prepared.size >= MOST) prepared.clear()
  const refusal = banned ? errors.PTC_RATE_LIMIT_BANNED : errors.PTC_RATE_LIMIT_EXCEEDED
  const sentence = sentenceOf(kind, seconds, banned ? BANNED : undefined)
  const made = refusal.with({ sentence, retryAfter: seconds })
  prepared.set(key, made)
  return made
}

/** Whose quota it was. Made when somebody listens, hashed when somebody reads it: under attack a refusal must stay cheap. */
class Particulars implements RefusalDetails {
  readonly retryAfter: number
  readonly #policy: string
  readonly #subject: string

  constructor(retryAfter: number, policy: string, subject: string) {
    this.retryAfter = retryAfter
    this.#policy = policy
    this.#subject = subject
  }

  get detail(): Readonly<Record<string, unknown>> {
    const subject = this.#subject
    return {
      policy: this.#policy,
      get key() {
        return subjectHash(subject)
      },
    }
  }
}

/** The refusal of one quota. */
export function exceeded({ quota, subject, standing, ban }: Part): Refusal {
  // RFC 9110 §10.2.3: 0 would mean "at once".
  const retryAfter = Math.max(1, secondsOf(standing.retryMs))
  return saying(quota.sentence, retryAfter, ban !== undefined).with(new Particulars(retryAfter, quota.name, subject))
}
