import { BlockList, isIPv4 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkAddresses, compileAddresses } from '../src/address-list.ts'

const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'))
const groups = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((parts) => parts.map((part) => part.toString(16)).join(':'))
const address = fc.oneof(octets, groups)

/** The fix of an entry, as often as it takes. */
function mended(entry: string): string {
  const [found] = checkAddresses('/allow', [entry])
  if (found === undefined) return entry
  const [fix] = found.fix
  if (fix?.op !== 'replace') throw new TypeError('entries are replaced')
  return String(fix.value)
}

describe('an address list', () => {
  it('finds what node:net finds, in both families', () => {
    const range = fc.tuple(address, fc.nat(128)).map(([ip, bits]) => mended(`${ip}/${isIPv4(ip) ? bits % 33 : bits}`))
    // Addresses near the ranges: random ones would hardly ever be inside.
    const ranges = fc.array(range, { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(ranges, address, fc.nat(7), fc.nat(0xffff), (entries, random, which, tail) => {
        const list = compileAddresses(entries)
        const reference = new BlockList()
        for (const entry of entries) {
          const [network = '', bits] = entry.split('/')
          const family = isIPv4(network) ? 'ipv4' : 'ipv6'
          if (bits === undefined) reference.addAddress(network, family)
          else reference.addSubnet(network, Number(bits), family)
        }
        const near = (entries[which % entries.length] as string).split('/')[0] as string
        const shifted = isIPv4(near)
          ? near.replace(/\d+\.\d+$/, `${tail >>> 8}.${tail & 255}`)
          : `${near.replace(/::$/, ':0:0').split(':').slice(0, 2).join(':')}::${tail.toString(16)}`
        for (const ip of [random, near, shifted]) {
          const family = isIPv4(ip) ? 'ipv4' : 'ipv6'
          expect([ip, list(ip)]).toEqual([ip, reference.check(ip, family)])
        }
      }),
    )
  })

  it('sees through mapped addresses, zones, brackets and ports, and knows what is no address', () => {
    const list = compileAddresses(['10.0.0.0/8', 'fe80::/10'])
    expect(
      ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:a01:203', '10.1.2.3:443', '[fe80::1]:443', 'fe80::1%eth0'].map(list),
    ).toEqual(Array(6).fill(true))
    expect(
      ['11.0.0.0', '::a01:203', 'fec0::', 'local', '', '10.1', '10.1.2.3.evil', '9'.repeat(200)].map(list),
    ).toEqual(Array(8).fill(false))
    expect(list(undefined)).toBe(false)
  })

  it('takes nobody in by an address that only holds an allowed one', () => {
    // 6to4, NAT64 and compatible forms can be made by anybody.
    const list = compileAddresses(['10.0.0.0/8'])
    expect(['2002:a00:1::1', '64:ff9b::a00:1', '::10.0.0.1'].map(list)).toEqual([false, false, false])
  })

  it('holds ranges that lie in one another', () => {
    const list = compileAddresses(['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '11.0.0.0/24'])
    expect(['10.255.255.255', '10.1.2.4', '11.0.0.255', '11.0.1.0', '9.255.255.255'].map(list)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })
})

describe('an entry', () => {
  it.each([
    ['10.0.0.1/8', 'address-host-bits', '10.0.0.0/8'],
    ['2001:db8::1/32', 'address-host-bits', '2001:db8::/32'],
    ['2001:db8:0:0:0:0:1:1/112', 'address-host-bits', '2001:db8:0:0:0:0:1:0/112'],
    ['10.0.0.0/33', 'address-prefix', '10.0.0.0'],
    ['2001:db8::/129', 'address-prefix', '2001:db8::'],
    ['10.0.0.0/', 'address-prefix', '10.0.0.0'],
    ['10.0.0.0/08', 'address-prefix', '10.0.0.0'],
    ['10.0.0.0/255.0.0.0', 'address-prefix', '10.0.0.0/8'],
    ['::ffff:10.0.0.0/104', 'address-mapped', '10.0.0.0/8'],
    ['::ffff:10.0.0.1', 'address-mapped', '10.0.0.1'],
    ['0.0.0.0/0', 'address-everybody', '192.0.2.0/24'],
    ['::/0', 'address-everybody', '192.0.2.0/24'],
    ['*', 'address', '192.0.2.0/24'],
    ['localhost', 'address', '192.0.2.0/24'],
    [' 10.0.0.1 ', 'address', '10.0.0.1'],
    ['[::1]', 'address', '::1'],
    ['fe80::1%eth0', 'address', 'fe80::1'],
    ['10.0.0', 'address', '192.0.2.0/24'],
  ])('%j is refused (%s); write %j', (entry, rule, instead) => {
    expect(checkAddresses('/deny', [entry])).toMatchObject([
      { at: '/deny/0', rule, fix: [{ op: 'replace', path: '/deny/0' }] },
    ])
    expect(mended(entry)).toBe(instead)
    expect(checkAddresses('/deny', [mended(entry)])).toEqual([])
  })

  it('is always mended to one that is right', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.tuple(address, fc.oneof(fc.nat(200).map(String), fc.string())).map((parts) => parts.join('/')),
        ),
        (entry) => {
          expect(checkAddresses('/allow', [mended(entry)])).toEqual([])
        },
      ),
    )
  })

  it.each(['10.0.0.0/8', '192.0.2.1', '192.0.2.1/32', '::1', '2001:db8::/32', '2001:DB8::/32', '::/8'])(
    '%j is right',
    (entry) => {
      expect(checkAddresses('/allow', [entry])).toEqual([])
    },
  )
})
