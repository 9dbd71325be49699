import type { FastifyBaseLogger } from 'fastify'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { isCutOff } from './field-count.ts'
import { isHost } from './host.ts'
import type { Trust } from './trust.ts'

/** Settles what the forwarding fields of an app's requests say, before anybody reads them. */
export interface Forwarding {
  /** Where the warning goes. */
  warnTo(log: Pick<FastifyBaseLogger, 'warn'>): void
  /** Called as early as a request is seen, and again at its first hook. */
  settle(raw: IncomingMessage): void
}

const FIELDS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'] as const

/** RFC 3986 §3.1: schemes have no case. Some proxies name the WebSocket scheme. */
const SCHEMES: ReadonlyMap<string, string> = new Map([
  ['http', 'http'],
  ['https', 'https'],
  ['ws', 'http'],
  ['wss', 'https'],
])

/**
 * One rule for every forwarding field: it is believed if the peer is one of our proxies, and then its last value
 * counts, which that proxy wrote. Fastify reads them afterwards: what is left is in lower case and well formed, and
 * what was neither is gone, so that the connection's own scheme, host and address hold. From other peers nothing is
 * believed, and nothing changed; the first time, that is told. Nor is anything where our proxy's own value may be missing.
 * @param clientField a field that holds the client's address alone, in place of `X-Forwarded-For`
 */
export function forwarding(trust: Trust, trustsAnybody: boolean, clientField: string | undefined): Forwarding {
  let log: Pick<FastifyBaseLogger, 'warn'> | undefined
  let warned = false
  let settled: IncomingMessage | undefined

  function warn(headers: IncomingHttpHeaders, peer: string | undefined): void {
    const fields = [...FIELDS, ...(clientField === undefined ? [] : [clientField])]
    const found = fields.filter((field) => headers[field] !== undefined)
    if (found.length === 0) return
    warned = true
    log?.warn(
      { peer, fields: found },
      `forwarding fields from a peer that trustProxy does not name are not believed; if it is your proxy, add it: trustProxy: ['${peer}']. Told once`,
    )
  }

  return {
    warnTo: (given) => (log = given),
    settle(raw) {
      if (settled === raw) {
        settled = undefined
        return
      }
      settled = raw
      if (!trustsAnybody && warned) return
      const { headers } = raw
      const peer = raw.socket?.remoteAddress
      if (!trust(peer, 0)) {
        if (!warned) warn(headers, peer)
        return
      }
      if (isCutOff(raw)) {
        for (const field of FIELDS) delete headers[field]
        return
      }
      const list = one(headers['x-forwarded-for'])
      if (clientField !== undefined) put(headers, 'x-forwarded-for', addressIn(one(headers[clientField])))
      else if (list !== undefined) put(headers, 'x-forwarded-for', believed(list, trust))
      const scheme = one(headers['x-forwarded-proto'])
      if (scheme !== undefined) put(headers, 'x-forwarded-proto', SCHEMES.get(last(scheme).toLowerCase()))
      const host = one(headers['x-forwarded-host'])
      if (host !== undefined) {
        const name = last(host).toLowerCase()
        put(headers, 'x-forwarded-host', name !== '' && isHost(name) ? name : undefined)
      }
    },
  }
}

const one = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'object' ? value.join(', ') : value

const last = (list: string): string => list.slice(list.lastIndexOf(',') + 1).trim()

function put(headers: IncomingHttpHeaders, field: string, value: string | undefined): void {
  if (value === undefined) delete headers[field]
  else if (headers[field] !== value) headers[field] = value
}

/**
 * The end of `X-Forwarded-For` that our proxies vouch for: each of them, from the right, and whom the last of them
 * saw. What is no address ends it: whoever is to the left of that cannot be known.
 */
function believed(list: string, trust: Trust): string | undefined {
  if (isIP(list) !== 0 && !list.includes(':')) return list
  const kept: string[] = []
  let end = list.length
  while (end >= 0) {
    const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1)
    const address = addressIn(list.slice(comma + 1, end))
    if (address === undefined) break
    kept.unshift(address)
    if (!trust(address, kept.length)) break
    end = comma
  }
  return kept.length === 0 ? undefined : kept.join(', ')
}

/** One address, without port, brackets and mapping: a client has one spelling. */
function addressIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  let address = text.trim()
  if (isIP(address) === 0) {
    const [, inside] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(address) ?? /^([\d.]+):\d{1,5}$/.exec(address) ?? []
    if (inside === undefined || isIP(inside) === 0) return undefined
    address = inside
  }
  if (address.includes('%')) return undefined
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  return mapped ?? address.toLowerCase()
}
