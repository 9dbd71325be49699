import { BlockList, isIP } from 'node:net'
import type { Finding } from './options.ts'
import { suggest } from './suggest.ts'

/** Whose forwarding fields are believed, as `serverOptions` takes it. */
export type TrustProxy =
  | false
  | 'loopback'
  | 'private'
  | (string & {})
  | readonly string[]
  | ((address: string, hop: number) => boolean)

/** Whether a peer at so many hops from us is one of our proxies. */
export type Trust = (address: string | undefined, hop: number) => boolean

const LOOPBACK = ['127.0.0.0/8', '::1/128']
// RFC 1918, RFC 4193.
const UNIQUE_LOCAL = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']

/** Names for ranges; the first two are all that most deployments need. */
const PRESETS: Readonly<Record<string, readonly string[]>> = {
  loopback: LOOPBACK,
  private: [...LOOPBACK, ...UNIQUE_LOCAL],
  uniquelocal: UNIQUE_LOCAL,
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
}

const entriesOf = (given: string | readonly string[]): readonly string[] =>
  typeof given === 'string' ? given.split(',').map((one) => one.trim()) : given

/** How many addresses' verdicts are remembered: a proxy asks again with every request. */
const REMEMBERED = 1_000

/** Compiles checked entries. Mapped addresses (`::ffff:10.0.0.1`) count as what they map. */
export function compileTrust(given: TrustProxy): Trust {
  if (given === false) return () => false
  if (typeof given === 'function') return (address, hop) => address !== undefined && given(address, hop)
  const list = new BlockList()
  for (const entry of entriesOf(given)) {
    for (const range of PRESETS[entry] ?? [entry]) {
      const [network = '', prefix] = range.split('/')
      const family = isIP(network) === 4 ? 'ipv4' : 'ipv6'
      if (prefix === undefined) list.addAddress(network, family)
      else list.addSubnet(network, Number(prefix), family)
    }
  }
  const verdicts = new Map<string, boolean>()
  return (address) => {
    if (address === undefined) return false
    const known = verdicts.get(address)
    if (known !== undefined) return known
    const bare = address.replace(/%.*$/s, '')
    const version = isIP(bare)
    const verdict = version !== 0 && list.check(bare, version === 4 ? 'ipv4' : 'ipv6')
    if (verdicts.size >= REMEMBERED) verdicts.clear()
    verdicts.set(address, verdict)
    return verdict
  }
}

/** What is wrong with one entry, and what to write instead, if that can be told. */
interface EntryMistake {
  readonly rule: string
  readonly message: string
  readonly instead: string | undefined
}

/** What is wrong with `trustProxy`, each with a fix that trusts nobody who was not named. */
export function checkTrust(given: unknown): Finding[] {
  if (given === true) return [finding('/trustProxy', EVERYBODY, ['loopback'])]
  if (typeof given === 'string') {
    const entries = entriesOf(given)
    const fixed = entries.map((entry) => mistakeIn(entry)?.instead ?? (mistakeIn(entry) === undefined ? entry : ''))
    const good = fixed.filter((entry) => entry !== '').join(', ')
    const first = entries.map(mistakeIn).find((one) => one !== undefined)
    return first === undefined ? [] : [finding('/trustProxy', first, good === '' ? 'loopback' : good)]
  }
  if (!Array.isArray(given)) return []
  return given.flatMap((entry: unknown, index) => {
    const mistake = typeof entry === 'string' ? mistakeIn(entry) : NO_TEXT
    return mistake === undefined ? [] : [finding(`/trustProxy/${index}`, mistake, mistake.instead ?? 'loopback')]
  })
}

function finding(at: string, { rule, message }: EntryMistake, value: string | string[]): Finding {
  const written = Array.isArray(value) ? `['${value.join("', '")}']` : `'${value}'`
  return { at, rule, message: `${message}; write ${written}`, fix: [{ op: 'replace', path: at, value }] }
}

const EVERYBODY: EntryMistake = {
  rule: 'trust-everybody',
  message: 'believes what any client writes into X-Forwarded-For: name your proxies',
  instead: undefined,
}
const NO_TEXT: EntryMistake = {
  rule: 'trust-entry',
  message: 'is no text; a number of hops cannot tell a proxy from a client',
  instead: undefined,
}

function mistakeIn(entry: string): EntryMistake | undefined {
  if (Object.hasOwn(PRESETS, entry)) return undefined
  const slash = entry.indexOf('/')
  const [address, prefix] = slash === -1 ? [entry, undefined] : [entry.slice(0, slash), entry.slice(slash + 1)]
  const version = address.includes('%') ? 0 : isIP(address)
  if (version === 0) return notAnAddress(entry)
  if (address.toLowerCase().startsWith('::ffff:') && address.includes('.')) {
    return {
      rule: 'trust-mapped',
      message: 'is an IPv4 address in the form of IPv6, and both forms are meant anyway',
      instead: address.slice(7),
    }
  }
  if (prefix === undefined) return undefined
  const bits = version === 4 ? 32 : 128
  if (!/^\d{1,3}$/.test(prefix)) {
    return {
      rule: 'trust-prefix',
      message: 'has no number of bits after the slash',
      instead: `${address}/${maskBits(prefix) ?? bits}`,
    }
  }
  if (Number(prefix) > bits) {
    return {
      rule: 'trust-prefix',
      message: `has more bits after the slash than an address of its kind, ${bits}`,
      instead: `${address}/${bits}`,
    }
  }
  return Number(prefix) === 0 ? { ...EVERYBODY, instead: 'loopback' } : undefined
}

function notAnAddress(entry: string): EntryMistake {
  if (entry === '*') return { ...EVERYBODY, instead: 'loopback' }
  const bare = entry
    .trim()
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/^\[(.*)\](?::\d*)?$/, '$1')
    .replace(/^([\d.]+):\d*$/, '$1')
    .replace(/%.*$/s, '')
  const instead = bare !== entry && isIP(bare) !== 0 ? bare : suggest(entry, Object.keys(PRESETS))
  return {
    rule: 'trust-entry',
    message: "is neither an address, nor a range such as '10.0.0.0/8', nor 'loopback' or 'private'",
    instead,
  }
}

/** The bits of a netmask, `255.0.0.0`. */
function maskBits(mask: string): number | undefined {
  if (isIP(mask) !== 4) return undefined
  const bits = mask
    .split('.')
    .map((octet) => Number(octet).toString(2).padStart(8, '0'))
    .join('')
  return /^1+0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined
}
