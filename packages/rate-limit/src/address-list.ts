import { isIP, isIPv4, isIPv6 } from 'node:net'
import type { Finding } from '@portcullis/kernel'

/** Whether an address is on a list. Whatever is no address is on none. */
export type AddressList = (ip: string | undefined) => boolean

/** Numbers per address: its 128 bits. IPv4 addresses stand in `::ffff:0:0/96`, where their mapped forms are too. */
const WORDS = 4

const parsed = new Uint32Array(WORDS)

/** Writes an address into `parsed`; false if it is none. Zones, brackets and ports are seen through. */
function parse(ip: string): boolean {
  if (isIPv4(ip)) {
    parsed.fill(0, 0, 2)
    parsed[2] = 0xffff
    parsed[3] = dotted(ip)
    return true
  }
  if (isIPv6(ip)) {
    parseV6(ip)
    return true
  }
  if (ip.length > 80) return false
  const inner = (/^\[([^\]]+)\](?::\d{1,5})?$/.exec(ip) ?? /^([^:]+):\d{1,5}$/.exec(ip))?.[1]
  return inner !== undefined && isIP(inner) !== 0 && parse(inner)
}

function dotted(ip: string): number {
  let value = 0
  let octet = 0
  for (let at = 0; at < ip.length; at++) {
    const code = ip.charCodeAt(at)
    if (code === 46 /* . */) {
      value = value * 256 + octet
      octet = 0
    } else octet = octet * 10 + code - 48
  }
  return value * 256 + octet
}

function parseV6(ip: string): void {
  const groupsOf = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap((group) => {
          if (!group.includes('.')) return [Number.parseInt(group, 16)]
          const inner = dotted(group)
          return [inner >>> 16, inner & 0xffff]
        })
  const [head = '', tail] = ip.replace(/%.*$/s, '').split('::')
  const first = groupsOf(head)
  const last = groupsOf(tail ?? '')
  const groups = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
  for (let word = 0; word < WORDS; word++)
    parsed[word] = (groups[word * 2] as number) * 65_536 + (groups[word * 2 + 1] as number)
}

/** Compares the address at `a` of one list with the address at `b` of another. */
function compare(one: Uint32Array, a: number, other: Uint32Array, b: number): number {
  for (let word = 0; word < WORDS; word++) {
    const difference = (one[a + word] as number) - (other[b + word] as number)
    if (difference !== 0) return difference
  }
  return 0
}

/** The mask of a word of an address, of which `bits` of all 128 are fixed. */
function maskOf(word: number, bits: number): number {
  const own = Math.min(32, Math.max(0, bits - word * 32))
  return own === 0 ? 0 : (0xffff_ffff << (32 - own)) >>> 0
}

/** The first and the last address of a range that has been checked. */
function rangeOf(entry: string): Uint32Array {
  const [address = '', prefix] = entry.split('/')
  parse(address)
  const bits = prefix === undefined ? 128 : Number(prefix) + (isIPv4(address) ? 96 : 0)
  const range = new Uint32Array(WORDS * 2)
  for (let word = 0; word < WORDS; word++) {
    const mask = maskOf(word, bits)
    range[word] = ((parsed[word] as number) & mask) >>> 0
    range[WORDS + word] = ((parsed[word] as number) | ~mask) >>> 0
  }
  return range
}

/**
 * Compiles a list of addresses and ranges that `checkAddresses` finds nothing in: a binary search over ranges of both
 * families. The last verdict is remembered, for several stages of a request ask for the same address.
 */
export function compileAddresses(entries: readonly string[]): AddressList {
  const sorted = entries.map(rangeOf).toSorted((one, other) => compare(one, 0, other, 0))
  // Ranges of whole prefixes lie in one another or apart.
  const apart: Uint32Array[] = []
  for (const range of sorted) {
    const last = apart.at(-1)
    if (last === undefined || compare(range, WORDS, last, WORDS) > 0) apart.push(range)
  }
  const ranges = new Uint32Array(apart.length * WORDS * 2)
  for (const [place, range] of apart.entries()) ranges.set(range, place * WORDS * 2)

  const find = (ip: string): boolean => {
    if (!parse(ip)) return false
    let [low, high] = [0, apart.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(ranges, middle * WORDS * 2, parsed, 0) <= 0) low = middle + 1
      else high = middle
    }
    return low > 0 && compare(ranges, (low - 1) * WORDS * 2 + WORDS, parsed, 0) >= 0
  }

  let lastIp: string | undefined
  let lastVerdict = false
  return (ip) => {
    if (ip === undefined) return false
    if (ip !== lastIp) {
      lastVerdict = find(ip)
      lastIp = ip
    }
    return lastVerdict
  }
}

/** A range of nobody's (RFC 5737), to stand where nothing better is known. */
const NOBODY = '192.0.2.0/24'

/** What is wrong with a list at a place, each with a fix. */
export function checkAddresses(at: string, entries: readonly string[]): Finding[] {
  return entries.flatMap((entry, index) => {
    const mistake = mistakeIn(entry)
    if (mistake === undefined) return []
    const { rule, message, instead } = mistake
    const path = `${at}/${index}`
    return [
      { at: path, rule, message: `${message}; write '${instead}'`, fix: [{ op: 'replace', path, value: instead }] },
    ]
  })
}

interface EntryMistake {
  readonly rule: string
  readonly message: string
  readonly instead: string
}

function mistakeIn(entry: string): EntryMistake | undefined {
  const slash = entry.indexOf('/')
  const [address, prefix] = slash < 0 ? [entry, undefined] : [entry.slice(0, slash), entry.slice(slash + 1)]
  const family = address.includes('%') ? 0 : isIP(address)
  if (family === 0) {
    const bare = entry
      .trim()
      .replace(/^\[(.*)\]$/, '$1')
      .replace(/%.*$/s, '')
    return {
      rule: 'address',
      message: "is neither an address nor a range such as '10.0.0.0/8'",
      instead: isIP(bare) === 0 ? NOBODY : bare,
    }
  }
  const bits = family === 4 ? 32 : 128
  if (prefix !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(prefix)) {
    return {
      rule: 'address-prefix',
      message: 'has no number of bits after the slash',
      instead: networkAt(address, Math.min(bits, netmaskBits(prefix) ?? bits)),
    }
  }
  const fixed = prefix === undefined ? bits : Number(prefix)
  if (fixed > bits) {
    return {
      rule: 'address-prefix',
      message: `has more bits after the slash than its kind of address, ${bits}`,
      instead: networkAt(address, bits),
    }
  }
  parse(address)
  if (family === 6 && parsed[0] === 0 && parsed[1] === 0 && parsed[2] === 0xffff) {
    // `::ffff:10.0.0.0/8` can only have meant the bits of the IPv4 address.
    const own = fixed > 96 ? fixed - 96 : fixed
    return {
      rule: 'address-mapped',
      message: 'is IPv4 in the form of IPv6, and both forms are meant anyway',
      instead: own === 0 || own > 32 ? NOBODY : networkAt(v4(parsed[3] as number), own),
    }
  }
  if (fixed === 0) {
    return {
      rule: 'address-everybody',
      message: 'is everybody; to lift all limits write rateLimit: false on the route',
      instead: NOBODY,
    }
  }
  const network = networkAt(address, fixed)
  if (prefix === undefined || rangeOf(`${address}/${bits}`).every((word, at) => word === rangeOf(network)[at % WORDS]))
    return undefined
  return {
    rule: 'address-host-bits',
    message: `names an address, and the range it lies in begins elsewhere`,
    instead: network,
  }
}

const v4 = (value: number): string => `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`

/** The range of so many bits in which an address lies, as it is written. */
function networkAt(address: string, bits: number): string {
  const family = isIPv4(address) ? 4 : 6
  const first = rangeOf(`${address}/${bits}`)
  if (family === 4) return bits === 32 ? address : `${v4(first[3] as number)}/${bits}`
  if (bits === 128) return address
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((first[at >>> 1] as number) >>> (at % 2 === 0 ? 16 : 0)) & 0xffff).toString(16),
  )
  // RFC 5952 §4.2: zeros at the end are all that a range needs to shorten.
  const end = groups.findLastIndex((group) => group !== '0') + 1
  return `${groups.slice(0, end).join(':')}${end > 6 ? ':0'.repeat(8 - end) : '::'}/${bits}`
}

/** The bits of a netmask, `255.0.0.0`. */
function netmaskBits(mask: string): number | undefined {
  if (!isIPv4(mask)) return undefined
  const bits = dotted(mask).toString(2).padStart(32, '0')
  return /^1+0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined
}
