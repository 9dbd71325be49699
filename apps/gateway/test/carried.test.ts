import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { carried, completed } from '../src/carried.ts'
import type { Config } from '../src/config.ts'
import { extended, type Extension } from '../src/extension.ts'

class Client {
  readonly name = 'client'
}

const find = (): null => null
const partitionBy = (): string => 'all'
const { privateKey } = generateKeyPairSync('ed25519')

const file = { listen: { port: 0 }, auth: { apiKeys: { header: 'x-key' } }, csrf: false, logLevel: 'info' }
const options = {
  auth: { apiKeys: { find, pepper: Buffer.from('pepper'), keys: [] } },
  rateLimit: { store: { redis: new Client() }, policies: [{ name: 'a' }, { name: 'b', partitionBy }] },
  gateway: { internalToken: { key: privateKey } },
  csrf: { find },
} as unknown as Extension['options']

/** What the kernel gives of a file and code; the file says `false` of a room that code knows. */
const reading = { ...(extended(file, options) as Config), csrf: false } as unknown as Config

it('a reading arrives as it was, with what the code of the other process gives', () => {
  const sent = structuredClone(carried(reading, options))
  expect(completed(sent, options)).toEqual(reading)
  expect((completed(sent, options).auth as { apiKeys: object }).apiKeys).toHaveProperty('find', find)
})

it('a reading without code is sent as it is', () => {
  expect(carried(file as unknown as Config, undefined)).toEqual({ config: file, left: [] })
})

it('code that gives less than the one that was judged is refused', () => {
  const sent = structuredClone(carried(reading, options))
  expect(() => completed(sent, { rateLimit: {} })).toThrow(/gives no options\.auth\.apiKeys\.find: it has changed/)
})
