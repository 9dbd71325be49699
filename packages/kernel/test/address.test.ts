import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressKey, LOCAL, UNREADABLE } from '../src/address.ts'

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:4711', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
  ['2001:db8:1:2::1', '2001:db8:1:2'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8:0001:0002:ffff::', '2001:db8:1:2'],
  ['[2001:db8:1:2::1]', '2001:db8:1:2'],
  ['[2001:db8:1:2::1]:8080', '2001:db8:1:2'],
  ['2001:db8:1:2::1%eth0', '2001:db8:1:2'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
  ['::', '0:0:0:0'],
  ['64:ff9b::192.0.2.1', '192.0.2.1'],
  ['64:ff9b:0:1::192.0.2.1', '64:ff9b:0:1'],
  ['64:ff9b:1::192.0.2.1', '64:ff9b:1:0'],
  ['::ffff:0:192.0.2.1', '192.0.2.1'],
  ['::ffff:0:c000:201', '192.0.2.1'],
  ['::192.0.2.1', '192.0.2.1'],
  ['::255.255.255.255', '255.255.255.255'],
  ['2002:c000:201::1', '192.0.2.1'],
  ['2002:c000:201:ffff:1:2:3:4', '192.0.2.1'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', '192.0.2.45'],
  ['2001:1::1', '2001:1:0:0'],
  ['::ffff:ffff:192.0.2.1', '0:0:0:0'],
  ['::fffe:192.0.2.1', '0:0:0:0'],
  ['1:2:3:4:5:6:7::', '1:2:3:4'],
  ['::2:3:4:5:6:7:8', '0:2:3:4'],
])('reads %s as %s', (ip, key) => {
  expect(addressKey(ip)).toBe(key)
})

it.each([
  'unknown',
  '_hidden',
  '999.1.1.1',
  '1.2.3',
  '192.0.2.1, 10.0.0.1',
  ':::',
  '[::1',
  '::1]:80',
  '<script>',
  'x'.repeat(10_000),
  '%',
])('gives %s the one key of everything unreadable', (ip) => {
  expect(addressKey(ip)).toBe(UNREADABLE)
})

it.each([undefined, ''])('gives callers without an address one key (%s)', (ip) => {
  expect(addressKey(ip)).toBe(LOCAL)
})

describe('over generated addresses', () => {
  const group = fc.integer({ min: 0, max: 0xffff })

  it('gives all spellings of one IPv6 address one key, which is its first four groups', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(0), group), { minLength: 8, maxLength: 8 }), (groups) => {
        // Those with an IPv4 address inside are in the table above.
        fc.pre(![0, 0x64, 0x2001, 0x2002].includes(groups[0] as number))
        const plain = groups.map((one) => one.toString(16)).join(':')
        const padded = groups.map((one) => one.toString(16).padStart(4, '0').toUpperCase()).join(':')
        const short = new URL(`http://[${plain}]`).hostname
        const expected = groups
          .slice(0, 4)
          .map((one) => one.toString(16))
          .join(':')
        for (const spelling of [plain, padded, short, short.slice(1, -1), `${plain}%1`, `${short}:1`])
          expect(addressKey(spelling)).toBe(expected)
      }),
    )
  })

  it('answers any string with a short key, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), (text) => {
        expect(addressKey(text).length).toBeLessThanOrEqual(19)
      }),
    )
  })
})
