import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mistake, RoomPlugin, Schema } from '@portcullis/kernel'
import cors from '@portcullis/cors'
import headers from '@portcullis/headers'
import https, { developmentCertificates } from '@portcullis/https'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mended } from '@portcullis/testing/patch'
import { bad as corsMistakes, good as goodCors } from '../../packages/cors/test/configurations.ts'
import { broken as headersMistakes } from '../../packages/headers/test/broken.ts'
import { good as goodHeaders } from '../../packages/headers/test/configurations.ts'
import { fullHouse, kindOf, mutations } from './configurations.ts'

const hosts = ['api.example.com']

/** Rules of `https` that its schema cannot say. */
const httpsMistakes: readonly object[] = [
  {},
  { hosts: [] },
  { hosts: ['https://api.example.com/v1'] },
  { hosts: ['*.example.com'] },
  { hosts: ['api.example.com', 'api.example.com'] },
  { hosts: ['localhost:8080'], plaintext: { port: 8080 } },
  { hosts, plaintext: { mode: 'off', port: 8080 } },
  { hosts, plaintext: { mode: 'refuse', host: '127.0.0.1' } },
  { hosts, plaintext: { mode: 'refuse', port: 8080, dangerouslyRedirectAll: true } },
  { hosts, plaintext: { port: 65_536 } },
  { hosts, hsts: true },
  { hosts, hsts: { preload: true, maxAge: 86_400 } },
  { hosts, hsts: { preload: true, includeSubDomains: false } },
  { hosts, credentialParameters: ['Token'] },
]
const goodHttps: readonly object[] = [
  { hosts },
  { hosts: ['localhost:8443', '[::1]:8443', '127.0.0.1', 'user_service.local'] },
  { hosts: ['a.example', 'b.example', 'b.example:8443'] },
  { hosts, plaintext: { port: 0, host: '127.0.0.1' } },
  { hosts, plaintext: { mode: 'off' } },
  { hosts, plaintext: { mode: 'refuse', port: 0 } },
  { hosts, plaintext: { mode: 'redirect', port: 0, dangerouslyRedirectAll: true } },
  { hosts, hsts: false },
  { hosts, hsts: { maxAge: 0 } },
  { hosts, hsts: { preload: true } },
  { hosts, hsts: { maxAge: 315_360_000, includeSubDomains: false } },
  { hosts, credentialFields: [], credentialParameters: [] },
  { hosts, reportOnly: true },
]

interface Room {
  readonly plugin: FastifyPluginAsync<never>
  readonly mistakes: readonly unknown[]
  readonly good: readonly unknown[]
  /** A right configuration with most options set: every mistake that the schema knows of is made in it. */
  readonly full: () => object
}

const rooms: Readonly<Record<string, Room>> = {
  https: {
    plugin: https,
    mistakes: httpsMistakes,
    good: goodHttps,
    full: () => ({
      ...fullHouse().https,
      plaintext: { mode: 'redirect', port: 0, host: '127.0.0.1', dangerouslyRedirectAll: false },
    }),
  },
  headers: {
    plugin: headers,
    mistakes: headersMistakes.map(([, options]) => options),
    good: goodHeaders.map(([, options]) => options),
    full: () => fullHouse().headers,
  },
  cors: {
    plugin: cors,
    mistakes: corsMistakes.map(([options]) => options),
    good: goodCors,
    full: () => ({ ...fullHouse().cors, refuseForeignOrigins: true, debug: false, lookup: { ttl: 60 } }),
  },
}

let folder: string
let tls: { key: string; cert: string }
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  tls = await developmentCertificates(folder, { hosts: ['localhost'] })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Boots an app under these options: its mistakes, none if it boots. */
async function boot({ plugin }: Room, options: unknown): Promise<readonly Mistake[]> {
  const app = Fastify({ https: { key: tls.key, cert: tls.cert } }) as unknown as FastifyInstance
  try {
    app.register(plugin, options as never)
    app.get('/', async () => 'x')
    await app.ready()
    return []
  } catch (error) {
    const { code, mistakes } = error as { code?: string; mistakes?: readonly Mistake[] }
    if (mistakes === undefined || code !== 'PTC_OPTIONS_INVALID') throw error
    return mistakes
  } finally {
    await app.close()
  }
}

it('refuses more than 150 kinds of mistake in https, headers and cors, each with a fix that boots', async () => {
  const kinds = new Set<string>()
  const failures: string[] = []
  for (const [name, room] of Object.entries(rooms)) {
    const schema = Reflect.get(room.plugin, Symbol.for('portcullis.room')) as RoomPlugin
    const mutated = mutations(schema.optionsSchema as Schema, room.full(), ['options']).flatMap(({ at, apply }) => {
      const holder = { options: room.full() }
      apply(holder)
      // What is no object at all is no configuration.
      return at === '/options' ? [] : [holder.options]
    })
    for (const options of [...room.mistakes, ...mutated]) {
      const tried = `${name} ${JSON.stringify(options)}`
      const mistakes = await boot(room, options)
      if (mistakes.length === 0) failures.push(`${tried} boots`)
      for (const { path, rule, message, fix } of mistakes)
        if ([path, rule, message].includes('') || fix.length === 0) failures.push(`${tried}: ${path} lacks a part`)
      const left = await boot(room, mended(options, mistakes))
      if (left.length > 0) failures.push(`${tried} is not mended: ${JSON.stringify(left)}`)
      for (const mistake of mistakes) kinds.add(`${name} ${kindOf(mistake)}`)
    }
  }
  expect(failures).toEqual([])
  process.stdout.write(`${kinds.size} kinds of mistake in https, headers and cors refused and mended\n`)
  expect(kinds.size).toBeGreaterThanOrEqual(150)
}, 240_000)

it('boots with more than 100 good configurations of https, headers and cors', async () => {
  const refused: string[] = []
  const tried = new Set<string>()
  for (const [name, room] of Object.entries(rooms)) {
    for (const options of [room.full(), ...room.good]) {
      const mistakes = await boot(room, options)
      if (mistakes.length > 0) refused.push(`${name} ${JSON.stringify(options)}: ${JSON.stringify(mistakes)}`)
      tried.add(
        `${name} ${JSON.stringify(options, (_key, value: unknown) => (typeof value === 'function' ? String(value) : value))}`,
      )
    }
  }
  expect(refused).toEqual([])
  process.stdout.write(`${tried.size} good configurations of https, headers and cors boot\n`)
  expect(tried.size).toBeGreaterThanOrEqual(100)
}, 120_000)
