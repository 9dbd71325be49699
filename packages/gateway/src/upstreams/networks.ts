import { BlockList, isIPv4, isIPv6 } from 'node:net'

/**
 * Networks that a public name has no business in: private, loopback, link-local (where clouds keep their credentials),
 * shared, reserved. IANA's special-purpose registries (RFC 6890).
 */
const PRIVATE: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]

function compile(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

const privateList = compile(PRIVATE)

/** Whether a network is written as `10.0.0.0/8`, `fd00::/8` or an address. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  if (rest.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return false
  if (isIPv4(address)) return bits === undefined || Number(bits) <= 32
  return isIPv6(address) && !address.includes('%') && (bits === undefined || Number(bits) <= 128)
}

/** Whether a name may resolve to an address. */
export type MayReach = (address: string) => boolean

/** Public addresses, and those of the listed networks. An IPv4 address in the form of IPv6 is what it maps. */
export function compileNetworks(listed: readonly string[]): MayReach {
  const list = compile(listed)
  return (address) => {
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    return list.check(address, family) || !privateList.check(address, family)
  }
}
