import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_RATE_LIMIT_EXCEEDED: {
    status: 429,
    sentence: 'Rate limit exceeded. Try again later.',
    event: events['rate-limit.exceeded'],
    meaning: 'The caller has spent one of the quotas of this route. `Retry-After` says when to come back.',
  },
  PTC_RATE_LIMIT_BANNED: {
    status: 429,
    sentence: 'Too many requests were refused. Try again later.',
    event: events['rate-limit.exceeded'],
    meaning: 'A policy with `ban` has refused the caller too often. `Retry-After` says when the ban ends.',
  },
  PTC_RATE_LIMIT_ACCOUNT_UNREADABLE: {
    status: 400,
    sentence: 'The request names no account.',
    event: events['rate-limit.rejected'],
    meaning: 'A login guard cannot tell which account is tried: it is named by a list, an object or endless text.',
  },
  PTC_RATE_LIMIT_DENIED: {
    status: 403,
    sentence: 'Not allowed.',
    event: events['rate-limit.denied'],
    meaning: 'The caller’s address is on the list `deny`.',
  },
  PTC_RATE_LIMIT_AMOUNT_INVALID: {
    status: 503,
    sentence: 'The service is temporarily unavailable. Try again later.',
    event: events['rate-limit.misconfigured'],
    meaning: 'A function of a policy threw, or gave a limit or a cost that is none. The log has one line about it.',
  },
  PTC_RATE_LIMIT_UNAVAILABLE: {
    status: 503,
    sentence: 'The service is temporarily unavailable. Try again later.',
    event: events['rate-limit.closed'],
    meaning: 'The shared store does not answer and `onStoreError` is `closed`.',
  },
  PTC_RATE_LIMIT_ABSENT: {
    boot: 'no @portcullis/rate-limit is registered in this scope or around it',
    meaning: '`inspect`, `reset` or `topOffenders` was asked of an app that counts nobody.',
  },
  PTC_RATE_LIMIT_POLICY_UNKNOWN: {
    boot: 'no route here has a policy "%s"; there are: %s',
    meaning: '`inspect` or `reset` was asked of a policy that does not exist, or before `ready`.',
  },
  PTC_RATE_LIMIT_CALLER_UNNAMED: {
    boot: 'policy "%s" counts callers by what was not given; add `%s`',
    meaning: '`inspect` or `reset` was not told whom it is about, as the policy counts.',
  },
  PTC_RATE_LIMIT_ADDRESS_UNREADABLE: {
    boot: 'the ip is no address: %s',
    meaning: '`inspect` or `reset` was given an `ip` that names nobody.',
  },
  PTC_RATE_LIMIT_NAME_REUSED: {
    boot: 'policy "%s" means one quota on %s and another on %s; give one of them another name',
    meaning: 'A policy name is the quota itself: two definitions may not share one.',
  },
} as const

/** The room's errors by code. */
export const errors: Errors<typeof table> = defineErrors(table)
