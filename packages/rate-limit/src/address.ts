import { isIPv4, isIPv6 } from 'node:net'

/** The key of callers without an address: clients of a Unix socket. */
export const LOCAL = 'local'
/** The key that everything unreadable shares: whoever forges addresses gains no fresh quota by it. */
export const UNREADABLE = '?'

/**
 * The part of an address that names a customer: an IPv4 address, or the first 64 bits of an IPv6 address
 * (RFC 6177 §2: a site gets at least a /64, so its addresses below that are free to choose).
 * Mapped IPv4 (RFC 4291 §2.5.5.2), zones, brackets and ports are seen through.
 */
export function addressKey(ip: string | undefined): string {
  if (ip === undefined || ip === '') return LOCAL
  if (isIPv4(ip)) return ip
  if (isIPv6(ip)) return networkOf(ip)
  return unwrapped(ip)
}

/** `[2001:db8::1]:443`, `2001:db8::1%eth0`, `192.0.2.1:443`: what forwarding proxies write. */
function unwrapped(ip: string): string {
  if (ip.length > 80) return UNREADABLE
  const match = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(ip) ?? /^([^:]+):\d{1,5}$/.exec(ip) ?? /^([^%]+)%/.exec(ip)
  const inner = match?.[1]
  if (inner === undefined) return UNREADABLE
  if (isIPv4(inner)) return inner
  return isIPv6(inner) ? networkOf(inner) : UNREADABLE
}

const groups = new Uint16Array(8)

/** The /64 of a valid IPv6 address, or the IPv4 address mapped into it. */
function networkOf(ip: string): string {
  let at = 0
  let gap = -1
  let value = 0
  let digits = 0
  let start = 0
  let end = ip.indexOf('%')
  if (end < 0) end = ip.length
  for (let i = 0; i < end; i++) {
    const code = ip.charCodeAt(i)
    if (code === 58 /* : */) {
      if (digits > 0) groups[at++] = value
      if (ip.charCodeAt(i + 1) === 58) {
        gap = at
        i++
      }
      value = 0
      digits = 0
      start = i + 1
    } else if (code === 46 /* . */) {
      const [a, b, c, d] = ip.slice(start, end).split('.') as [string, string, string, string]
      groups[at++] = (Number(a) << 8) | Number(b)
      groups[at++] = (Number(c) << 8) | Number(d)
      digits = 0
      break
    } else {
      value = (value << 4) | (code <= 57 ? code - 48 : (code | 32) - 87)
      digits++
    }
  }
  if (digits > 0) groups[at++] = value
  if (gap >= 0) {
    const zeros = 8 - at
    groups.copyWithin(gap + zeros, gap, at)
    groups.fill(0, gap, gap + zeros)
  }
  if (isMapped()) return `${byte(12)}.${byte(13)}.${byte(14)}.${byte(15)}`
  return `${hex(0)}:${hex(1)}:${hex(2)}:${hex(3)}`
}

const hex = (place: number): string => (groups[place] as number).toString(16)

/** One of the sixteen octets. */
const byte = (place: number): number => ((groups[place >> 1] as number) >> (place & 1 ? 0 : 8)) & 255

const isMapped = (): boolean =>
  groups[5] === 0xffff && groups[0] === 0 && groups[1] === 0 && groups[2] === 0 && groups[3] === 0 && groups[4] === 0
