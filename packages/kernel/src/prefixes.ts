import { refuseToBoot } from './boot.ts'
import { isPlain } from './copy.ts'
import { camel } from './concern-key.ts'
import type { Mistake } from './options.ts'
import { covers, longestPrefix, type PrefixPolicy } from './prefix-options.ts'
import type { Registration, State } from './state.ts'
import { suggest } from './suggest.ts'

/** Policies that registrations hold for routes that write none. */
export class Prefixes {
  readonly #used = new Set<PrefixPolicy>()
  readonly #urls = new Map<Registration, string[]>()
  /** What routes of equal policies were completed to: the HEAD twin of a GET must be told as one with it. */
  readonly #completed = new Map<unknown, Map<string, unknown>>()

  /** What a route wrote, and for concerns that it says nothing of the policy of the longest prefix of its URL. */
  completed(url: string, written: unknown, held: ReadonlyMap<string, Registration>): unknown {
    if (written !== undefined && !isPlain(written)) return written
    let added: Record<string, unknown> | undefined
    for (const [concern, registration] of held) {
      if (registration.byPrefix.length === 0 || registration.room === null) continue
      const urls = this.#urls.get(registration) ?? []
      urls.push(url)
      this.#urls.set(registration, urls)
      const key = camel(concern)
      const found = this.#longest(url, registration.byPrefix)
      if (found !== undefined && written?.[key] === undefined) added = { ...added, [key]: found.policy }
    }
    if (added === undefined) return written
    const known = this.#completed.get(written) ?? new Map<string, unknown>()
    const security = known.get(url) ?? { ...written, ...added }
    this.#completed.set(written, known.set(url, security))
    return security
  }

  #longest(url: string, policies: readonly PrefixPolicy[]): PrefixPolicy | undefined {
    for (const one of policies) if (covers(one.prefix, url)) this.#used.add(one)
    return longestPrefix(url, policies)
  }

  /** @throws PTC_OPTIONS_INVALID for prefixes that no route has: they protect or open nothing. */
  refuseUnused({ registrations }: State): void {
    for (const scoped of registrations.values()) {
      for (const registration of scoped.values()) {
        if (registration.room === null) continue
        const unused = registration.byPrefix.filter((one) => !this.#used.has(one))
        const urls = this.#urls.get(registration) ?? []
        if (unused.length > 0)
          refuseToBoot(
            `the options of @portcullis/${registration.concern}`,
            unused.toReversed().map((one) => mistake(one, urls)),
          )
      }
    }
  }
}

function mistake({ at, prefix }: PrefixPolicy, urls: readonly string[]): Mistake {
  // Every run of leading segments is a prefix that some route has.
  const known = new Set(
    urls.flatMap((url) =>
      url
        .split('/')
        .slice(1)
        .map((_, i, all) => `/${all.slice(0, i + 1).join('/')}`),
    ),
  )
  const meant = suggest(
    prefix,
    [...known].filter((one) => /[a-z0-9]{2}/i.test(one)),
  )
  return {
    path: at
      .slice(1)
      .replaceAll(/\/(\d+)/g, '[$1]')
      .replaceAll('/', '.'),
    rule: 'prefix-without-route',
    message: `is '${prefix}', under which no route is; ${meant === undefined ? 'remove the entry' : `did you mean '${meant}'?`}`,
    fix:
      meant === undefined
        ? [{ op: 'remove', path: at.replace(/\/prefix$/, '') }]
        : [{ op: 'replace', path: at, value: meant }],
  }
}
