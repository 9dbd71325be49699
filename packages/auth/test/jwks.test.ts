import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { IdentityProvider, makeKey, type ProviderKey } from './identity-provider.ts'
import { verifying, type Verifying } from './verifying.ts'

let provider: IdentityProvider
beforeEach(async () => void (provider = await IdentityProvider.start()))
afterEach(() => provider.stop())

const key = (index: number): ProviderKey => provider.keys[index] as ProviderKey

async function started(
  ...given: Parameters<typeof verifying> extends [unknown, ...infer Rest] ? Rest : never
): Promise<Verifying> {
  const made = verifying(provider, ...given)
  await made.keys.start()
  return made
}

/** Within how many seconds a token is accepted, one attempt each tenth. */
async function acceptedAfter(verifier: Verifying, token: string): Promise<number> {
  for (let tenths = 0; tenths <= 900; tenths++) {
    if ((await verifier.verify(token)) === 'user-101') return tenths / 10
    await verifier.pass(0.1)
  }
  return Infinity
}

describe('a key that an issuer publishes', () => {
  it('verifies its tokens, and a token seen before without waiting', async () => {
    const verifier = await started()
    const token = provider.token()
    expect(verifier.isSynchronous(token)).toBe(false)
    expect(await verifier.verify(token)).toBe('user-101')
    expect(verifier.isSynchronous(token)).toBe(true)
    expect(provider.asked.keys).toBe(1)
  })

  it('verifies nothing that another key has signed', async () => {
    const verifier = await started()
    expect(await verifier.verify(provider.token(makeKey('key-1')))).toBe('signature')
  })

  it('is found for a token without kid only as long as it is the only one', async () => {
    const verifier = await started()
    expect(await verifier.verify(provider.token(key(0), {}, { kid: undefined }))).toBe('user-101')
    provider.keys.push(makeKey('key-2'))
    await verifier.pass(600)
    expect(await verifier.verify(provider.token(key(0), { jti: 'b' }, { kid: undefined }))).toBe('unknown-key')
  })

  it('is not found under a name that two keys have', async () => {
    provider.keys.push(makeKey('key-1'))
    const verifier = await started()
    expect(await verifier.verify(provider.token(key(0)))).toBe('unknown-key')
    expect(await verifier.verify(provider.token(key(1)))).toBe('unknown-key')
  })

  it('is asked for by one request, however many tokens wait for it', async () => {
    const verifier = verifying(provider)
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => verifier.verify(provider.token(key(0), { jti: `${index}` }))),
    )
    expect(new Set(outcomes)).toEqual(new Set(['user-101']))
    expect(provider.asked.keys).toBe(1)
  })

  it('is refused within its age once it is removed, for tokens seen before too', async () => {
    const verifier = await started({ jwksMaxAge: 300 })
    const [old] = provider.keys
    const seen = provider.token(old)
    expect(await verifier.verify(seen)).toBe('user-101')
    provider.keys = [makeKey('key-2')]
    await verifier.pass(299)
    expect(await verifier.verify(seen)).toBe('unknown-key')
    expect(await verifier.verify(provider.token(old, { jti: 'new' }))).toBe('unknown-key')
    expect(await verifier.verify(provider.token())).toBe('user-101')
  })

  it('is refused as soon as another key has taken its kid', async () => {
    const verifier = await started()
    const seen = provider.token()
    expect(await verifier.verify(seen)).toBe('user-101')
    provider.keys = [makeKey('key-1')]
    // The same ETag would hide it: this provider names its keys by kid.
    provider.instead = (_request, response) =>
      response.end(JSON.stringify({ keys: [{ ...key(0).publicKey.export({ format: 'jwk' }), kid: 'key-1' }] }))
    await verifier.pass(600)
    expect(await verifier.verify(seen)).toBe('signature')
    expect(await verifier.verify(provider.token())).toBe('user-101')
  })

  it('is refused if it is removed while a signature is checked with it', async () => {
    const verifier = await started()
    const token = provider.token()
    const found = verifier.keys.find('key-1', 'ES256', false) as { trusted: boolean }
    const pending = verifier.verify(token)
    found.trusted = false
    expect(await pending).toBe('unknown-key')
  })

  it('stays the same, and its tokens remembered, when nothing has changed', async () => {
    const verifier = await started()
    const token = provider.token()
    await verifier.verify(token)
    await verifier.pass(3600)
    expect(provider.asked.unchanged).toBe(provider.asked.keys - 1)
    expect(provider.asked.unchanged).toBeGreaterThanOrEqual(5)
    expect(verifier.isSynchronous(token)).toBe(true)
  })
})

describe('how long keys are kept', () => {
  it.each([
    [undefined, 600, 6],
    ['max-age=120', 600, 32],
    ['public, max-age=1', 600, 72],
    ['no-store', 600, 72],
    ['max-age=86400', 600, 6],
    ['max-age=86400', 86_400, 0],
    ['s-maxage=5, max-age=300', 600, 12],
  ])('follows Cache-Control %s below %i seconds: %i fetches an hour', async (cacheControl, jwksMaxAge, fetches) => {
    provider.cacheControl = cacheControl
    const verifier = await started({ jwksMaxAge })
    await verifier.pass(3600)
    expect(provider.asked.keys - 1).toBe(fetches)
  })
})

describe('a flood of bogus kids', () => {
  it('of 1,000 tokens causes at most two fetches in five seconds', async () => {
    const verifier = await started()
    const stranger = makeKey('x')
    const before = provider.asked.keys
    for (let turn = 0; turn < 50; turn++) {
      const flood = Array.from({ length: 20 }, (_, at) => provider.token(stranger, {}, { kid: `bogus-${turn}-${at}` }))
      expect(new Set(await Promise.all(flood.map((token) => verifier.verify(token))))).toEqual(new Set(['unknown-key']))
      await verifier.pass(0.1)
    }
    expect(provider.asked.keys - before).toBeLessThanOrEqual(2)
  })

  it('does not delay a rotation beyond five seconds', async () => {
    const verifier = await started()
    const bogus = provider.token(makeKey('x'), {}, { kid: 'bogus' })
    await verifier.verify(bogus)
    provider.keys.push(makeKey('key-2'))
    const rotated = provider.token(key(1))
    let seconds = 0
    while ((await verifier.verify(rotated)) !== 'user-101' && seconds < 20) {
      await verifier.verify(bogus)
      await verifier.pass(0.1)
      seconds += 0.1
    }
    expect(seconds).toBeLessThan(5)
  })

  it('that comes while the issuer hangs lets a thousand wait and no more', async () => {
    const verifier = await started()
    await verifier.pass(10)
    provider.instead = () => {}
    verifier.timeoutMs = 300
    const bogus = provider.token(makeKey('x'))
    const outcomes: string[] = []
    const all = Array.from({ length: 1500 }, async () => void outcomes.push(await verifier.verify(bogus)))
    await new Promise((resolve) => setImmediate(resolve))
    expect(outcomes).toEqual(Array(500).fill('unavailable'))
    expect(await verifier.verify(provider.token())).toBe('user-101')
    await Promise.all(all)
    expect(new Set(outcomes)).toEqual(new Set(['unavailable']))
    expect(provider.asked.keys).toBe(2)
  })

  it('of expired tokens causes no fetch at all', async () => {
    const verifier = await started()
    await verifier.pass(10)
    const stranger = makeKey('x')
    expect(await verifier.verify(provider.token(stranger, { exp: 1_700_000_100 }))).toBe('unknown-key')
    expect(provider.asked.keys).toBe(1)
    expect(await verifier.verify(provider.token(stranger))).toBe('unknown-key')
    expect(provider.asked.keys).toBe(2)
  })
})

describe('an issuer that does not answer as it should', () => {
  it.each<[name: string, instead: NonNullable<IdentityProvider['instead']>]>([
    ['hangs', () => {}],
    ['hangs after its first bytes', (_request, response) => void response.write('{"keys":[')],
    ['answers 500', (_request, response) => void response.writeHead(500).end()],
    ['breaks off', (request) => void request.socket.destroy()],
    ['answers with no JSON', (_request, response) => void response.end('<html>')],
    ['answers with another object', (_request, response) => void response.end('{"error":"x"}')],
    [
      'answers with a deep object',
      (_request, response) => void response.end(`{"keys":${'['.repeat(50)}${']'.repeat(50)}}`),
    ],
    [
      'answers with 10,000 keys',
      (_request, response) => void response.end(JSON.stringify({ keys: Array(10_000).fill({}) })),
    ],
    ['answers with invalid UTF-8', (_request, response) => void response.end(Buffer.from([0x7b, 0xff, 0x7d]))],
    ['redirects', (_request, response) => void response.writeHead(302, { location: '/elsewhere' }).end()],
  ])('%s: known keys stay in use, unknown ones cannot be told from new ones', async (_name, instead) => {
    const verifier = await started()
    const seen = provider.token()
    await verifier.verify(seen)
    provider.instead = instead
    verifier.timeoutMs = 50
    await verifier.pass(1800)
    expect(verifier.failures.length).toBeGreaterThan(20)
    expect(verifier.failures.length).toBeLessThan(40)
    expect(await verifier.verify(seen)).toBe('user-101')
    expect(await verifier.verify(provider.token(key(0), { jti: 'new' }))).toBe('user-101')
    expect(await verifier.verify(provider.token(makeKey('key-2')))).toBe('unavailable')
    provider.instead = undefined
    verifier.timeoutMs = 10_000
    provider.keys = [...provider.keys, makeKey('key-2')]
    expect(await acceptedAfter(verifier, provider.token(key(1)))).toBeLessThanOrEqual(30)
  })

  it('sends 64 megabytes: the body is cut', async () => {
    let sent = 0
    provider.instead = (_request, response) => {
      const chunk = Buffer.alloc(65_536, ' ')
      const more = (): void => {
        while (sent < 64 << 20 && !response.destroyed) {
          sent += chunk.length
          if (!response.write(chunk)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    }
    const verifier = verifying(provider)
    await expect(verifier.keys.start()).rejects.toThrow('more than 1048576 bytes')
    expect(sent).toBeLessThan(32 << 20)
  })

  it('says that nothing has changed before it has said anything: that is no answer', async () => {
    provider.instead = (_request, response) => void response.writeHead(304).end()
    await expect(verifying(provider).keys.start()).rejects.toThrow('answered 304')
  })

  it('announces 64 megabytes: not one byte is read', async () => {
    provider.instead = (_request, response) => void response.writeHead(200, { 'content-length': 64 << 20 }).write('{')
    await expect(verifying(provider).keys.start()).rejects.toThrow('more than')
  })

  it('is away for longer than stale keys may be used: they are dropped, and its tokens answered with “unavailable”', async () => {
    const verifier = await started({ jwksMaxStale: 3600 })
    const seen = provider.token()
    await verifier.verify(seen)
    provider.instead = (_request, response) => void response.writeHead(503).end()
    await verifier.pass(4000)
    expect(await verifier.verify(seen)).toBe('user-101')
    await verifier.pass(400)
    expect(await verifier.verify(seen)).toBe('unavailable')
    provider.instead = undefined
    expect(await acceptedAfter(verifier, seen)).toBeLessThanOrEqual(60)
  })

  it('shows a certificate that nobody vouches for: no key is taken', async () => {
    const other = await IdentityProvider.start()
    const verifier = verifying(provider, { ca: other.ca })
    await expect(verifier.keys.start()).rejects.toThrow(/CERT|SELF_SIGNED/)
    expect(provider.asked.keys).toBe(0)
    await other.stop()
  })
})

describe('beside the remote set of jose', () => {
  const answer = (): Response =>
    Response.json({
      keys: provider.keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid })),
    })

  it('a rotation after one bogus kid is refused for half a minute there, and taken here within five seconds', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const set = createRemoteJWKSet(new URL(provider.jwks), { [customFetch]: async () => answer() })
      const accepts = (token: string): Promise<boolean> =>
        jwtVerify(token, set).then(
          () => true,
          () => false,
        )
      const verifier = await started()
      await accepts(provider.token(makeKey('x')))
      await verifier.verify(provider.token(makeKey('x')))
      provider.keys.push(makeKey('key-2'))
      const rotated = provider.token(key(1))
      vi.advanceTimersByTime(25_000)
      expect(await accepts(rotated)).toBe(false)
      vi.advanceTimersByTime(6_000)
      expect(await accepts(rotated)).toBe(true)
      expect(await acceptedAfter(verifier, rotated)).toBeLessThanOrEqual(5)
    } finally {
      vi.useRealTimers()
    }
  })

  it('an issuer that is down for eleven minutes locks everybody out there, and nobody here', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      let down = false
      const set = createRemoteJWKSet(new URL(provider.jwks), {
        [customFetch]: async () => (down ? new Response(null, { status: 503 }) : answer()),
      })
      const accepts = (token: string): Promise<boolean> =>
        jwtVerify(token, set).then(
          () => true,
          () => false,
        )
      const verifier = await started()
      const token = provider.token()
      expect([await accepts(token), await verifier.verify(token)]).toEqual([true, 'user-101'])
      down = true
      provider.instead = (_request, response) => void response.writeHead(503).end()
      vi.advanceTimersByTime(660_000)
      await verifier.pass(660)
      expect([await accepts(token), await verifier.verify(token)]).toEqual([false, 'user-101'])
    } finally {
      vi.useRealTimers()
    }
  })
})
