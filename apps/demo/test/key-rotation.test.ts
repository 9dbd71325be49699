import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type StandingDemo, standDemo } from './standing-demo.ts'
import { decodeProtectedHeader } from './token-parts.ts'

let demo: StandingDemo
beforeAll(async () => {
  demo = await standDemo()
})
afterAll(() => demo?.close())

const keyOf = (token: string): unknown => decodeProtectedHeader(token)['kid']
const statusFor = async (token: string) => (await demo.call('GET', '/users/profile', { token })).status

describe('the keys of access tokens', () => {
  it('are published where only their public halves are seen', async () => {
    const at = demo.addresses.userService
    const { status, json, headers } = await demo.call('GET', '/.well-known/jwks.json', { at })
    expect(status).toBe(200)
    expect(headers['content-type']).toMatch(/^application\/jwk-set\+json/)
    expect(json.keys.map((key: object) => Object.keys(key).toSorted())).toEqual(
      Array(2).fill(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']),
    )
    expect((await demo.call('GET', '/.well-known/jwks.json')).status).toBe(401)
  })

  it('do not change before everybody can know the next one', async () => {
    await expect(demo.rotateKeys()).rejects.toThrow(/PTC_ISSUER_KEY_UNPUBLISHED|was published/)
  })

  it('rotate while the demo runs: the next one signs, and tokens of the last one stay good', async () => {
    const before = (await demo.signIn()).token
    await demo.sql(`update portcullis_issuer.keys set created_at = created_at - interval '2 days'`)
    await demo.rotateKeys()
    const after = (await demo.signIn()).token
    expect(keyOf(after)).not.toBe(keyOf(before))
    expect([await statusFor(before), await statusFor(after)]).toEqual([200, 200])
  })

  it('are all thrown away when one has leaked: the gateway knows within seconds, sessions go on', async () => {
    const { token: before, cookie } = await demo.signIn()
    await demo.rotateKeys({ compromised: true })
    const refreshed = await demo.call('POST', '/refresh', { headers: { cookie } })
    const after = refreshed.json.access_token as string
    expect(keyOf(after)).not.toBe(keyOf(before))
    await expect.poll(() => statusFor(after), { timeout: 6000, interval: 100 }).toBe(200)
    expect(await statusFor(before)).toBe(401)
  })
})
