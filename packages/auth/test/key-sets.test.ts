import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import auth, { type KeySets, openKeySets } from '../src/index.ts'
import { audience } from './forge.ts'
import { IdentityProvider } from './identity-provider.ts'

let provider: IdentityProvider
beforeEach(async () => void (provider = await IdentityProvider.start()))
afterEach(() => provider.stop())

async function guarded(keySets?: KeySets, lines: string[] = []): Promise<FastifyInstance> {
  const stream = { write: (line: string) => void lines.push(line) }
  const app = Fastify({ logger: { level: 'info', stream } })
  onTestFinished(() => app.close())
  await app.register(auth, {
    jwt: {
      issuer: provider.origin,
      audience,
      jwks: provider.jwks,
      ca: provider.ca,
      algorithms: ['ES256'],
      clock: () => 1_700_000_000_000,
      ...(keySets === undefined ? {} : { keySets }),
    },
  })
  app.get('/', { config: { security: { auth: {} } } }, async () => 'in')
  await app.ready()
  return app
}

const ask = async (app: FastifyInstance): Promise<number> =>
  (await app.inject({ url: '/', headers: { authorization: `Bearer ${provider.token()}` } })).statusCode

const away = (): void => {
  provider.instead = (_request, response) => response.writeHead(500).end()
}

describe('an app that replaces another while the issuer is away', () => {
  it('knows no key where each fetches for itself', async () => {
    const old = await guarded()
    expect(await ask(old)).toBe(200)
    away()
    const next = await guarded()
    await old.close()
    expect(await ask(next)).toBe(503)
  })

  it('knows the keys of the other, and asks for none', async () => {
    const keySets = openKeySets()
    const old = await guarded(keySets)
    expect(await ask(old)).toBe(200)
    away()
    const next = await guarded(keySets)
    await old.close()
    expect(await ask(next)).toBe(200)
    expect(provider.asked.keys).toBe(1)
  })

  it('does not wait for what the other already tries to fetch', async () => {
    const keySets = openKeySets()
    const [before, after]: [string[], string[]] = [[], []]
    away()
    const old = await guarded(keySets, before)
    const next = await guarded(keySets, after)
    await old.close()
    expect(before.join('')).toContain('could not be fetched yet')
    expect(after.join('')).not.toContain('could not be fetched')
    expect(await ask(next)).toBe(503)
  })
})

describe('a place for keys', () => {
  it('asks again once the last app that needed the keys is closed', async () => {
    const keySets = openKeySets()
    await (await guarded(keySets)).close()
    expect(await ask(await guarded(keySets))).toBe(200)
    expect(provider.asked.keys).toBe(2)
  })

  it('is what openKeySets() gives, and nothing else', async () => {
    await expect(guarded({} as never)).rejects.toThrow(/jwt\.keySets +must be what `openKeySets\(\)` gives/)
  })
})
