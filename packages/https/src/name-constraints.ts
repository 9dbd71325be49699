import { isIP, BlockList } from 'node:net'

/** RFC 2606, RFC 6761, RFC 6762, RFC 8375, ICANN 2024: names that never belong to anybody on the Internet. */
const NAMES = ['localhost', 'test', 'local', 'internal', 'example', 'home.arpa'] as const

/** Loopback, RFC 1918, RFC 4193 and RFC 4291 §2.5.3: addresses that are never routed. */
const NETWORKS = [
  ['127.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
] as const

const permitted = new BlockList()
for (const [network, prefix, family] of NETWORKS) permitted.addSubnet(network, prefix, family)

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Why a host cannot be in a development certificate; undefined if it can. */
export function refusedHost(host: string): string | undefined {
  const version = isIP(host)
  if (version !== 0) {
    return permitted.check(host, version === 4 ? 'ipv4' : 'ipv6') ? undefined : 'it is a public address'
  }
  const labels = (host.startsWith('*.') ? host.slice(2) : host).split('.')
  if (host.length > 253 || !labels.every((label) => LABEL.test(label)))
    return 'it is not a name in lower case or an address'
  if (!NAMES.some((name) => host === name || host.endsWith(`.${name}`))) return 'it could be a public name'
  // Clients refuse a wildcard directly under a top-level name (Node: two labels after it at least).
  if (host.startsWith('*.') && labels.length < 2) return 'no client accepts a wildcard directly under a top-level name'
  return undefined
}

/**
 * The value of the extension nameConstraints (RFC 5280 §4.2.1.10), DER: a CA key that is stolen from a developer's
 * disk cannot vouch for any public site.
 */
export function nameConstraints(): Buffer {
  const names = NAMES.map((name) => der(0x30, der(0x82, Buffer.from(name, 'ascii'))))
  const networks = NETWORKS.map(([network, prefix, family]) => {
    const address = bytesOf(network, family)
    return der(0x30, der(0x87, Buffer.concat([address, mask(prefix, address.length)])))
  })
  return der(0x30, der(0xa0, Buffer.concat([...names, ...networks])))
}

/** One DER element; no content here is longer than 255 bytes. */
function der(tag: number, content: Buffer): Buffer {
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function bytesOf(network: string, family: 'ipv4' | 'ipv6'): Buffer {
  if (family === 'ipv4') return Buffer.from(network.split('.').map(Number))
  const bytes = Buffer.alloc(16)
  if (network === '::1') bytes[15] = 1
  else bytes.writeUInt16BE(Number.parseInt(network, 16), 0)
  return bytes
}

function mask(prefix: number, length: number): Buffer {
  return Buffer.from(
    Array.from({ length }, (_, index) => 0xff & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * index)))),
  )
}
