import fc from 'fast-check'
import type { FastifyRequest } from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import { checkApiKeyField, checkPartition, compilePartition, type PartitionBy } from '../src/index.ts'

const request = (more: object = {}): FastifyRequest =>
  ({ ip: '192.0.2.1', headers: {}, security: { identity: null }, ...more }) as unknown as FastifyRequest
const naming = (partitionBy: PartitionBy | { body: string }, onThrow = vi.fn()) =>
  compilePartition(partitionBy, { apiKeyField: 'x-api-key', onThrow })

describe('the name of a caller', () => {
  it('is the address’s where there is no identity, key, field, member or name', () => {
    const address = naming('ip')(request())
    for (const by of ['identity', 'api-key', { header: 'x-tenant' }, { body: 'email' }, () => null] as const)
      expect(naming(by)(request())).toBe(address)
    for (const body of [null, [], { email: {} }, { email: true }, Object.create({ email: 'a' })])
      expect(naming({ body: 'email' })(request({ body }))).toBe(address)
  })

  it('is never what a caller named by something else has, however the name is chosen', () => {
    const text = fc.string({ maxLength: 90 })
    fc.assert(
      fc.property(text, text, (one, other) => {
        const headers = { 'x-api-key': one, 'x-tenant': one }
        const identity = { scheme: 'jwt', subject: one, claims: { iss: other } }
        const given = request({ headers, body: { email: one }, security: { identity } })
        const kinds = [
          'ip',
          'global',
          'identity',
          'api-key',
          { header: 'x-tenant' },
          () => one,
          ['ip', 'global'],
        ] as const
        const names = [...kinds.map((by) => naming(by as PartitionBy)(given)), naming({ body: 'email' })(given)]
        const distinct = new Set(one === '' ? names.filter((name) => name !== names[0]) : names)
        expect(distinct.size).toBe(one === '' ? 3 : names.length)
      }),
    )
  })

  it('of several parts is spelled by no other parts', () => {
    const pair = naming([{ header: 'a' }, { header: 'b' }])
    const of = (a: string, b: string): string => pair(request({ headers: { a, b } }))
    expect(of('x', 'yz')).not.toBe(of('xy', 'z'))
    expect(of('1:h', 'x')).not.toBe(of('1', ':hx'))
  })

  it('is bounded in length, whatever the caller sends', () => {
    const long = 'x'.repeat(100_000)
    const given = request({ headers: { 'x-tenant': long }, security: { identity: { scheme: 'jwt', subject: long } } })
    for (const by of ['identity', { header: 'x-tenant' }, () => long, ['ip', { header: 'x-tenant' }]] as const)
      expect(naming(by as PartitionBy)(given).length).toBeLessThan(200)
  })

  it('is the address’s when a function throws, promises or gives no text, and that is told', async () => {
    const told = vi.fn()
    const address = naming('ip')(request())
    const wrong = [
      () => {
        throw new Error('boom')
      },
      () => Promise.reject(new Error('late')),
      () => 7,
      () => ({}),
    ]
    for (const one of wrong) expect(naming(one as never, told)(request())).toBe(address)
    await new Promise(setImmediate)
    expect(told).toHaveBeenCalledTimes(wrong.length)
  })
})

it('a credential that has many spellings names nobody, and an asynchronous function neither', () => {
  const rules = (by: unknown): string[] => checkPartition('/partitionBy', by).map(({ at, rule }) => `${at} ${rule}`)
  expect(rules([{ header: 'cookie' }, async () => 'x', 'ip'])).toEqual([
    '/partitionBy/0 respelt-field',
    '/partitionBy/1 synchronous-partition',
  ])
  expect(rules({ header: 'x-tenant' })).toEqual([])
  expect(checkApiKeyField('authorization')).toMatchObject([{ at: '/apiKeyField', rule: 'respelt-field' }])
  expect(checkApiKeyField('x-api-key')).toEqual([])
})
