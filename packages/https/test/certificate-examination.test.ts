import { createServer } from 'node:https'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { examine } from '../src/certificates/flaws.ts'
import { isWeaklySigned, readChain } from '../src/certificates/chain.ts'
import { byServerName, isServerName, uncovered } from '../src/certificates/names.ts'
import { expiringTime, renewalTime, retryDelay } from '../src/certificates/schedule.ts'
import { tlsServerOptions } from '../src/index.ts'
import { makeCertificate } from './authority.ts'

const DAY = 86_400_000
const now = Date.now()
const root = await makeCertificate({ ca: true, name: 'Root' })
const middle = await makeCertificate({ ca: true, name: 'Intermediate', by: root })
const leaf = await makeCertificate({ by: middle })
const rules = (material: { key: string; cert: string }, allowUntrusted = false): string[] =>
  examine(material, now, allowUntrusted).flaws.map(({ rule }) => rule)

describe('a pair before it is served', () => {
  it('is good with its intermediates in order, with and without the root', () => {
    expect(rules(leaf)).toEqual([])
    expect(rules({ key: leaf.key, cert: leaf.cert + middle.cert })).toEqual([])
    expect(rules({ key: leaf.key, cert: leaf.cert + middle.cert + root.cert })).toEqual([])
  })

  it.each<[string, () => Promise<{ key: string; cert: string }>, string[]]>([
    ['self-signed', () => makeCertificate(), ['self-signed']],
    ['expired', () => makeCertificate({ by: root, from: now - 3 * DAY, to: now - DAY }), ['expired']],
    ['before its time', () => makeCertificate({ by: root, from: now + DAY, to: now + 2 * DAY }), ['not-yet-valid']],
    ['with an RSA key of 1024 bits', () => makeCertificate({ by: root, rsa: 1024 }), ['weak-key']],
    [
      'signed over SHA-1',
      async () => makeCertificate({ by: await makeCertificate({ ca: true, rsa: 2048, hash: 'SHA-1' }), hash: 'SHA-1' }),
      ['weak-signature'],
    ],
    ['for clients only', () => makeCertificate({ by: root, purpose: '1.3.6.1.5.5.7.3.2' }), ['not-for-servers']],
    [
      'with the issuer first',
      async () => ({ key: leaf.key, cert: middle.cert + leaf.cert }),
      ['key-mismatch', 'chain-order'],
    ],
    ['with a gap in the chain', async () => ({ key: leaf.key, cert: leaf.cert + root.cert }), ['chain-order']],
    ['issued by a leaf', async () => chainOf(await makeCertificate({ by: leaf }), leaf), ['chain-order']],
    ['with the key of another', async () => ({ key: root.key, cert: leaf.cert }), ['key-mismatch']],
    [
      'cut in its second certificate',
      async () => ({ ...leaf, cert: leaf.cert + middle.cert.slice(0, 300) }),
      ['certificate-unreadable'],
    ],
    ['with half a key', async () => ({ ...leaf, key: leaf.key.slice(0, 60) }), ['key-unreadable']],
    ['with nothing in it', async () => ({ key: '', cert: '' }), ['certificate-unreadable']],
  ])('is refused %s', async (_, make, expected) => {
    expect(rules(await make())).toEqual(expected)
  })

  it('is refused with an intermediate that has expired', async () => {
    const old = await makeCertificate({ ca: true, by: root, from: now - 3 * DAY, to: now - DAY })
    const { key, cert } = await makeCertificate({ by: old })
    expect(rules({ key, cert: cert + old.cert })).toEqual(['expired'])
  })

  it('may be weak, expired or self-signed under dangerouslyAllowUntrustedCertificates, but not of another key', async () => {
    const { key, cert } = await makeCertificate({ rsa: 1024, hash: 'SHA-1', from: now - 3 * DAY, to: now - DAY })
    expect(rules({ key, cert })).toEqual(['expired', 'weak-key', 'weak-signature', 'self-signed'])
    expect(rules({ key, cert }, true)).toEqual([])
    expect(rules({ key: leaf.key, cert }, true)).toEqual(['key-mismatch'])
  })

  it('is taken by a bare server even if it is self-signed and expired, and refused by ours', async () => {
    const { key, cert } = await makeCertificate({ from: now - 3 * DAY, to: now - DAY })
    expect(() => createServer({ key, cert })).not.toThrow()
    expect(() => tlsServerOptions({ key, cert })).toThrow(/PTC_HTTPS_CERTIFICATE_UNUSABLE: the certificate expired on/)
    expect(() => tlsServerOptions({ key, cert, dangerouslyAllowUntrustedCertificates: true })).not.toThrow()
  })

  it.each([
    ['SHA-1', true],
    ['SHA-256', false],
  ])('counts RSASSA-PSS over %s as weak: %s, though both have the same name', async (hash, expected) => {
    const { cert } = await makeCertificate({ rsa: 2048, pss: true, hash })
    expect(readChain(cert).map(isWeaklySigned)).toEqual([expected])
  })
})

const chainOf = ({ key, cert }: { key: string; cert: string }, ...rest: { cert: string }[]) => ({
  key,
  cert: cert + rest.map((one) => one.cert).join(''),
})

describe('names', () => {
  it.each<[string, string | undefined]>([
    ['api.example.com', 'exact'],
    ['API.Example.com', 'exact'],
    ['www.example.com', 'wildcard'],
    ['a.b.example.com', undefined],
    ['example.com', undefined],
    ['', undefined],
    ['*.example.com', 'wildcard'],
  ])('find for %j: %s', (asked, found) => {
    const find = byServerName(
      new Map([
        ['api.example.com', 'exact'],
        ['*.example.com', 'wildcard'],
      ]),
    )
    expect(find(asked)).toBe(found)
  })

  it('of members that every object has find nothing', () => {
    expect(byServerName(new Map())('constructor')).toBeUndefined()
  })

  it.each([
    ['api.example.com', true],
    ['*.example.com', true],
    ['*', false],
    ['api.*.com', false],
    ['Api.example.com', false],
    ['localhost', false],
    ['127.0.0.1', false],
    ['api.example.com.', false],
    ['', false],
  ])('are server names: %j %s', (text, expected) => expect(isServerName(text)).toBe(expected))

  it('and addresses that a certificate does not cover are listed', async () => {
    const { cert } = await makeCertificate({ hosts: ['a.test', '*.b.test', '127.0.0.1', '::1'] })
    const [one] = readChain(cert)
    const hosts = [
      'a.test',
      'x.b.test',
      '*.b.test',
      '127.0.0.1',
      '[::1]',
      'c.test',
      'x.y.b.test',
      '*.a.test',
      '127.0.0.2',
    ]
    expect(one && uncovered(one, hosts)).toEqual(['c.test', 'x.y.b.test', '*.a.test', '127.0.0.2'])
  })
})

describe('the schedule', () => {
  const times = fc.tuple(
    fc.integer({ min: 0, max: 2e12 }),
    fc.integer({ min: 60_000, max: 4e10 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )

  it('renews a sixtieth to a thirtieth of the lifetime before two thirds of it are over', () => {
    fc.assert(
      fc.property(times, ([from, lifetime, random]) => {
        const at = renewalTime(from, from + lifetime, random)
        expect(at).toBeLessThanOrEqual(Math.ceil(from + lifetime * (2 / 3 - 1 / 60)))
        expect(at).toBeGreaterThanOrEqual(from + lifetime * (2 / 3 - 1 / 30) - 1)
        // A renewal that went well is over before anybody is warned.
        expect(at).toBeLessThan(expiringTime(from, from + lifetime))
      }),
    )
  })

  it('waits longer after each failure, at most six hours, at least what was asked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
        const full = Math.min(6 * 3_600_000, 60_000 * 2 ** (failures - 1))
        const wait = retryDelay(failures, 60_000, random)
        expect(wait).toBeGreaterThanOrEqual(Math.floor(full / 2))
        expect(wait).toBeLessThanOrEqual(full)
        expect(retryDelay(failures, 60_000, random, 8.64e7)).toBe(8.64e7)
      }),
    )
  })
})
