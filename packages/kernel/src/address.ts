import { isIPv4, isIPv6 } from 'node:net'

/** The key of callers without an address: clients of a Unix socket. */
export const LOCAL = 'local'
/** The key that everything unreadable shares: whoever forges addresses gains no fresh quota by it. */
export const UNREADABLE = '?'

/**
 * The part of an address that names a customer: an IPv4 address, or the first 64 bits of an IPv6 address
 * (RFC 6177 §2: a site gets at least a /64, so its addresses below that are free to choose).
 * An IPv4 address inside an IPv6 one is seen through, as are zones, brackets and ports.
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

/** The /64 of a valid IPv6 address, or the IPv4 address inside it. */
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
  const inner = embedded()
  return inner === null ? `${hex(0)}:${hex(1)}:${hex(2)}:${hex(3)}` : dotted(inner)
}

const group = (place: number): number => groups[place] as number
const hex = (place: number): string => group(place).toString(16)
const dotted = (ip: number): string => `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`
const last32 = (): number => (group(6) << 16) | group(7)

/**
 * The IPv4 address that an IPv6 address stands for, or null. By their /64 all callers of a translator would share one
 * quota, and one 6to4 host would have 65,536.
 */
function embedded(): number | null {
  const first = group(0)
  // 6to4: a whole /48 behind one IPv4 address (RFC 3056 §2).
  if (first === 0x2002) return (group(1) << 16) | group(2)
  // Teredo: the client's address, inverted, at the end (RFC 4380 §4).
  if (first === 0x2001 && group(1) === 0) return ~last32()
  // NAT64, well-known prefix (RFC 6052 §2.1).
  if (first === 0x64 && group(1) === 0xff9b) return zeros(2, 6) ? last32() : null
  if (!zeros(0, 4)) return null
  // Mapped (RFC 4291 §2.5.5.2) and translated (RFC 2765 §2.1).
  if (group(4) === 0 ? group(5) === 0xffff : group(4) === 0xffff && group(5) === 0) return last32()
  // Compatible (RFC 4291 §2.5.5.1), but for `::` and `::1`.
  return zeros(4, 6) && group(6) !== 0 ? last32() : null
}

function zeros(from: number, to: number): boolean {
  for (let place = from; place < to; place++) if (groups[place] !== 0) return false
  return true
}
