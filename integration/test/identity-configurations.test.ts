import type { Mistake, RoomPlugin, Schema } from '@portcullis/kernel'
import auth from '@portcullis/auth'
import issuer from '@portcullis/issuer'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import { expect, it } from 'vitest'
import { mended } from '@portcullis/testing/patch'
import { mistakes as issuerMistakes } from '../../packages/issuer/test/configurations.ts'
import { fullHouse, kindOf, mutations } from './configurations.ts'

interface Room {
  readonly plugin: FastifyPluginAsync<never>
  /** Mistakes that a schema alone does not know of. */
  readonly mistakes: readonly unknown[]
  /** A right configuration with most options set: every mistake that the schema knows of is made in it. */
  readonly full: () => object
}

const rooms: Readonly<Record<string, Room>> = {
  auth: {
    plugin: auth,
    mistakes: [
      {},
      { jwt: { ...jwtOf(), algorithms: ['ES256', 'HS256'] } },
      { jwt: { ...jwtOf(), algorithms: ['none'] } },
    ],
    full() {
      const { clientCertificate: _needsTls, ...others } = fullHouse().auth
      return others
    },
  },
  issuer: {
    plugin: issuer,
    mistakes: issuerMistakes.map(([, , options]) => options),
    full: () => ({ ...fullHouse().issuer, jwks: { path: '/keys', maxAge: 60, security: {} } }),
  },
}

function jwtOf(): object {
  return fullHouse().auth.jwt as object
}

/** Boots an app under these options: its mistakes, none if it boots. */
async function boot({ plugin }: Room, options: unknown): Promise<readonly Mistake[]> {
  const app = Fastify()
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

it('refuses 140 kinds of mistake in auth and issuer, each with a fix that boots', async () => {
  const kinds = new Map<string, Set<string>>()
  const failures: string[] = []
  for (const [name, room] of Object.entries(rooms)) {
    const told = new Set<string>()
    kinds.set(name, told)
    const { optionsSchema } = Reflect.get(room.plugin, Symbol.for('portcullis.room')) as RoomPlugin
    const mutated = mutations(optionsSchema as Schema, room.full(), ['options']).flatMap(({ at, apply }) => {
      const holder = { options: room.full() }
      apply(holder)
      // What is no object at all is no configuration.
      return at === '/options' ? [] : [holder.options]
    })
    for (const options of [...room.mistakes, ...mutated]) {
      const tried = `${name} ${JSON.stringify(options)}`
      const mistakes = await boot(room, options)
      if (mistakes.length === 0) failures.push(`${tried} boots`)
      const left = await boot(room, mended(options, mistakes))
      if (left.length > 0) failures.push(`${tried} is not mended: ${JSON.stringify(left)}`)
      for (const mistake of mistakes) told.add(kindOf(mistake))
    }
  }
  expect(failures).toEqual([])
  const counts = [...kinds].map(([name, told]) => `${told.size} in ${name}`)
  process.stdout.write(`kinds of mistake refused and mended: ${counts.join(', ')}\n`)
  const all = [...kinds.values()].reduce((sum, told) => sum + told.size, 0)
  expect(all).toBeGreaterThanOrEqual(140)
}, 240_000)
