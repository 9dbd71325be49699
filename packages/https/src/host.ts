import { domainToASCII } from 'node:url'

/** One destination of redirects: an authority of ours, checked at boot. */
export interface Destination {
  /** Name or address without port, in lower case. */
  readonly name: string
  /** What follows `https://`: the port is left out if it is 443. */
  readonly authority: string
  readonly port: number
}

/** What is wrong with a `hosts` entry, and what was probably meant. */
export interface HostMistake {
  readonly rule: string
  readonly message: string
  /** A valid entry, or undefined if nothing can be made of the text. */
  readonly instead: string | undefined
}

// RFC 1123 §2.1 labels (an underscore is met in practice), or an IPv6 literal in brackets; RFC 9110 §7.2 uri-host [":" port].
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const HOST = new RegExp(`^(${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]{2,45}\\])(?::([1-9][0-9]{0,4}))?$`)

/** Parses a host of ours; undefined if it is not exactly `host` or `host:port` in lower case. */
export function parseDestination(text: string): Destination | undefined {
  const parts = HOST.exec(text)
  const name = parts?.[1]
  if (name === undefined || name.length > 253) return undefined
  // Browsers read a last label of digits as an IPv4 address (WHATWG URL §3.5): `a.0` is no host, `127.1` is another one.
  if (!URL.canParse(`https://${name}`) || new URL(`https://${name}`).hostname !== name) return undefined
  const port = Number(parts?.[2] ?? 443)
  if (port > 65535) return undefined
  return { name, port, authority: port === 443 ? name : `${name}:${port}` }
}

/** Explains why an entry is not a host; undefined if it is one. */
export function hostMistake(text: string): HostMistake | undefined {
  if (parseDestination(text) !== undefined) return undefined
  if (text.includes('*')) {
    return {
      rule: 'host-wildcard',
      message: 'is a pattern, and a redirect needs one exact host',
      instead: meant(text.replaceAll('*.', '').replaceAll('*', '')),
    }
  }
  return { rule: 'host-form', message: 'is not `host` or `host:port` in lower case', instead: meant(text) }
}

/** The host inside a URL, a user info, a path, capitals, a Unicode name. */
function meant(text: string): string | undefined {
  const bare = text
    .trim()
    .replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    .replace(/[/?#\\].*$/s, '')
    .replace(/^.*@/s, '')
  const [, host = '', port = ''] = /^(\[.*\]|[^:]*)(:.*)?$/s.exec(bare) ?? []
  const name = host.startsWith('[') ? host.toLowerCase() : domainToASCII(host).replace(/\.$/, '')
  return [`${name}${port}`, name].find((one) => parseDestination(one) !== undefined)
}

/** The name in a request's Host field (RFC 9110 §7.2), for comparison only: never written anywhere. */
export function requestedName(host: string): string {
  const end = host.startsWith('[') ? host.indexOf(']') + 1 : host.indexOf(':')
  const name = (end > 0 ? host.slice(0, end) : host).toLowerCase()
  return name.endsWith('.') ? name.slice(0, -1) : name
}
