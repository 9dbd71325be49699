import { generateKeyPairSync } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { guarded, jwt, type Guarded } from './apps.ts'
import { claims, signed, withEs256 } from './forge.ts'

/** An issuer in this process: its keys by name, and the text that tells them. */
class OwnIssuer {
  readonly pairs = new Map<string, ReturnType<typeof pair>>()
  text: string | undefined
  reads = 0

  publish(...names: string[]): void {
    for (const name of names) if (!this.pairs.has(name)) this.pairs.set(name, pair())
    const keys = names.map((kid) => ({ kid, ...this.pairs.get(kid)?.publicKey.export({ format: 'jwk' }) }))
    this.text = JSON.stringify({ keys })
  }

  readonly tell = (): string => {
    this.reads++
    if (this.text === undefined) throw new Error('the vault is locked')
    return this.text
  }

  token(kid: string): string {
    const key = this.pairs.get(kid)?.privateKey
    if (key === undefined) throw new Error(`${kid} was never published`)
    return signed({ alg: 'ES256', typ: 'at+jwt', kid }, claims, withEs256(key))
  }
}

const { key: _, ...ofIssuer } = jwt
const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

let made: Guarded | undefined
afterEach(() => made?.app.close())

async function verifying(issuer: OwnIssuer): Promise<(token: string) => Promise<number>> {
  made = await guarded({ jwt: { ...ofIssuer, jwks: issuer.tell } })
  const { app } = made
  return async (token) => (await app.inject({ url: '/any', headers: { authorization: `Bearer ${token}` } })).statusCode
}

it('counts a new key at once, and a removed one no more, for remembered tokens too', async () => {
  const issuer = new OwnIssuer()
  const statusOf = await verifying(issuer)
  issuer.publish('a')
  const first = issuer.token('a')
  expect(await statusOf(first)).toBe(200)
  issuer.publish('a', 'b')
  expect(await statusOf(issuer.token('b'))).toBe(200)
  expect(await statusOf(first)).toBe(200)
  issuer.publish('b')
  expect([await statusOf(first), await statusOf(issuer.token('b'))]).toEqual([401, 200])
})

it('reads the same text once, whatever strangers send', async () => {
  const issuer = new OwnIssuer()
  const statusOf = await verifying(issuer)
  issuer.publish('a')
  const parse = JSON.parse
  let parsed = 0
  JSON.parse = (text: string, ...rest: []) => {
    if (text === issuer.text) parsed++
    return parse(text, ...rest) as unknown
  }
  try {
    const stranger = new OwnIssuer()
    stranger.publish(...Array.from({ length: 20 }, (_, n) => `bogus-${n}`))
    for (const kid of stranger.pairs.keys()) expect(await statusOf(stranger.token(kid))).toBe(401)
    expect(await statusOf(issuer.token('a'))).toBe(200)
  } finally {
    JSON.parse = parse
  }
  expect(parsed).toBe(1)
})

it('answers 503 while the issuer does not tell its keys, remembered tokens too, and says so once', async () => {
  const issuer = new OwnIssuer()
  const statusOf = await verifying(issuer)
  issuer.publish('a')
  const token = issuer.token('a')
  expect(await statusOf(token)).toBe(200)
  const { text } = issuer
  issuer.text = undefined
  expect([await statusOf(token), await statusOf(token)]).toEqual([503, 503])
  expect(made?.lines.filter(({ msg }) => String(msg).includes('does not tell its keys'))).toHaveLength(1)
  issuer.text = text
  expect(await statusOf(token)).toBe(200)
})

it.each([
  ['no text', 7],
  ['no JSON', 'x'],
  ['no key set', '[]'],
])('answers 503 when what is told is %s', async (_, told) => {
  const issuer = new OwnIssuer()
  issuer.publish('a')
  const token = issuer.token('a')
  issuer.text = told as string
  expect(await (await verifying(issuer))(token)).toBe(503)
})

it('answers 503 when nothing is told, from the first token on', async () => {
  const issuer = new OwnIssuer()
  issuer.publish('a')
  const token = issuer.token('a')
  made = await guarded({ jwt: { ...ofIssuer, jwks: () => undefined as unknown as string } })
  expect((await made.app.inject({ url: '/any', headers: { authorization: `Bearer ${token}` } })).statusCode).toBe(503)
})

it('refuses to boot with a function that returns a promise', async () => {
  const told = guarded({ jwt: { ...ofIssuer, jwks: async () => '{"keys":[]}' } as never })
  await expect(told).rejects.toThrow(/jwt\.jwks\s+must return text, not a promise/)
})
