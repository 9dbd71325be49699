import { errors } from './errors.ts'

const kinds = ['cache', 'cookies', 'storage', 'executionContexts', 'clientHints', '*'] as const

/** What a browser may be told to forget (Clear Site Data §3.1); `*` is everything, also what is added later. */
export type SiteData = (typeof kinds)[number]

const known: ReadonlySet<string> = new Set(kinds)

/** What somebody who logs out expects to be gone. */
const session: readonly SiteData[] = ['cache', 'cookies', 'storage']

/**
 * Tells the browser to forget what this site left with it: for answers to a log-out. Browsers heed it over TLS only,
 * and forget the cookies of the whole registrable domain, so that a log-out at `api.example.com` also empties `app.example.com`.
 * It is no substitute for revoking the session.
 * @param forget what to forget; `['cache', 'cookies', 'storage']` by default.
 * @throws `PTC_HEADERS_SITE_DATA_UNKNOWN` for a kind that browsers do not know: they would forget nothing at all of it.
 * @example app.post('/logout', async (request, reply) => clearSiteData(reply).code(204).send())
 */
export function clearSiteData<Reply extends { header(name: string, value: string): unknown }>(
  reply: Reply,
  forget: readonly SiteData[] = session,
): Reply {
  const unknown = forget.find((kind) => !known.has(kind))
  if (unknown !== undefined || forget.length === 0)
    throw new errors.PTC_HEADERS_SITE_DATA_UNKNOWN(String(unknown ?? 'nothing'))
  reply.header('clear-site-data', forget.map((kind) => `"${kind}"`).join(', '))
  return reply
}
