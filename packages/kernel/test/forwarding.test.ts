import Fastify, { type FastifyInstance } from 'fastify'
import fc from 'fast-check'
import { isIP } from 'node:net'
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { serverOptions, type Mistake, type SecureServerOptions } from '../src/index.ts'

/** What an app makes of a request: through Fastify's own properties, as handlers read them. */
async function seen(
  options: SecureServerOptions,
  headers: Record<string, string | string[]>,
  remoteAddress = '127.0.0.1',
): Promise<Record<string, unknown>> {
  return told(Fastify(serverOptions(options)), headers, remoteAddress)
}
async function told(app: FastifyInstance, headers: Record<string, string | string[]>, remoteAddress: string) {
  app.get('/', async ({ ip, protocol, host }) => ({ ip, protocol, host }))
  const { statusCode, ...answer } = await app.inject({ url: '/', headers, remoteAddress })
  return statusCode === 200 ? (answer.json() as Record<string, unknown>) : { statusCode }
}
const collecting = (lines: string[]): Writable =>
  new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
const bare = (headers: Record<string, string>, trustProxy: string[]) =>
  told(Fastify({ trustProxy }), headers, '127.0.0.1')

describe('a proxy that is named', () => {
  const trustProxy = ['127.0.0.1', '10.0.0.0/8']

  it('that writes HTTPS is taken at its word, by every reader of request.protocol', async () => {
    const headers = { 'x-forwarded-proto': 'HTTPS' }
    expect(await bare(headers, trustProxy)).toMatchObject({ protocol: 'HTTPS' })
    expect(await seen({ trustProxy }, headers)).toMatchObject({ protocol: 'https' })
  })

  it.each([
    ['https, http', 'http'],
    ['http, https', 'https'],
    ['wss', 'https'],
    ['constructor', 'http'],
    ['javascript', 'http'],
    ['', 'http'],
  ])('tells the scheme by the last value of its field alone: %s', async (value, protocol) => {
    expect(await seen({ trustProxy }, { 'x-forwarded-proto': value })).toMatchObject({ protocol })
  })

  it.each([
    ['a.example, B.Example:8443', 'b.example:8443'],
    ['evil.example/path', 'localhost:80'],
    ['evil.example@', 'localhost:80'],
  ])('tells the host by the last value, if it is one: %s', async (value, host) => {
    expect(await seen({ trustProxy }, { 'x-forwarded-host': value })).toMatchObject({ host })
  })

  it('that appends a port does not turn each connection of a client into a client of its own', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.7:61234' }
    expect(await bare(headers, trustProxy)).toMatchObject({ ip: '203.0.113.7:61234' })
    expect(await seen({ trustProxy }, headers)).toMatchObject({ ip: '203.0.113.7' })
  })

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['198.51.100.1, 203.0.113.7', '203.0.113.7'],
    ['198.51.100.1, 203.0.113.7, 10.1.2.3', '203.0.113.7'],
    ['203.0.113.7,10.1.2.3 ,10.1.2.4', '203.0.113.7'],
    ['[2001:DB8::1]:443', '2001:db8::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['203.0.113.7, unknown', '127.0.0.1'],
    ['203.0.113.7, _hidden, 10.1.2.3', '10.1.2.3'],
    ['fe80::1%eth0', '127.0.0.1'],
    ['203.0.113.7, ', '127.0.0.1'],
    ['999.1.1.1', '127.0.0.1'],
    ['10.1.2.3', '10.1.2.3'],
  ])('names the client: %s is %s', async (value, ip) => {
    expect(await seen({ trustProxy }, { 'x-forwarded-for': value })).toMatchObject({ ip })
  })

  it('never makes anything but an address of what a client wrote before it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('0', '1', '9', 'a', 'f', ':', '.', ',', '[', ']', '%', ' ', 'x') }),
        async (value) => {
          const { ip } = await seen({ trustProxy }, { 'x-forwarded-for': value })
          expect(isIP(String(ip))).not.toBe(0)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('a field with the client’s address', () => {
  const options = { trustProxy: 'private', clientAddressField: 'cf-connecting-ip' } as const

  it('is believed from a trusted peer, over X-Forwarded-For', async () => {
    const headers = { 'cf-connecting-ip': '2001:db8::7', 'x-forwarded-for': '198.51.100.1' }
    expect(await seen(options, headers, '10.0.0.1')).toMatchObject({ ip: '2001:db8::7' })
  })

  it.each([{}, { 'cf-connecting-ip': 'banana' }, { 'cf-connecting-ip': '203.0.113.7, 203.0.113.8' }])(
    'that is missing or no address leaves the peer: %j',
    async (headers) => {
      const sent = { ...headers, 'x-forwarded-for': '198.51.100.1' }
      expect(await seen(options, sent, '10.0.0.1')).toMatchObject({ ip: '10.0.0.1' })
    },
  )

  it('is not believed from anybody else', async () => {
    expect(await seen(options, { 'cf-connecting-ip': '198.51.100.1' }, '203.0.113.9')).toMatchObject({
      ip: '203.0.113.9',
    })
  })
})

describe('whom a preset names', () => {
  it.each<[SecureServerOptions['trustProxy'], string, boolean]>([
    ['loopback', '127.9.9.9', true],
    ['loopback', '::1', true],
    ['loopback', '::ffff:127.0.0.1', true],
    ['loopback', '10.0.0.1', false],
    ['private', '10.0.0.1', true],
    ['private', '172.31.255.255', true],
    ['private', '172.32.0.0', false],
    ['private', '192.168.0.1', true],
    ['private', 'fd00::1', true],
    ['private', '::ffff:10.0.0.1', true],
    ['private', '203.0.113.1', false],
    ['private', '169.254.1.1', false],
    ['loopback, 192.0.2.0/24', '192.0.2.200', true],
    [['2001:db8::/32'], '2001:db8:1::1', true],
    [['2001:db8::/32'], '2001:db9::1', false],
    [[], '127.0.0.1', false],
    [false, '127.0.0.1', false],
    [(address, hop) => hop === 0 && address === '192.0.2.1', '192.0.2.1', true],
  ])('%j, peer %s: %s', async (trustProxy, peer, believed) => {
    const { ip } = await seen({ trustProxy: trustProxy as false }, { 'x-forwarded-for': '203.0.113.7' }, peer)
    expect(ip).toBe(believed ? '203.0.113.7' : peer)
  })
})

describe('forwarding fields of a stranger', () => {
  it('change nothing, and are told once', async () => {
    const lines: string[] = []
    const stream = collecting(lines)
    const app = Fastify(serverOptions({ trustProxy: ['10.0.0.1'], logger: { level: 'warn', stream } }))
    app.get('/', async ({ ip, protocol, headers }) => ({ ip, protocol, raw: headers['x-forwarded-for'] }))
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' }
    for (let i = 0; i < 3; i++) {
      const answer = await app.inject({ url: '/', headers, remoteAddress: '192.0.2.5' })
      expect(answer.json()).toEqual({ ip: '192.0.2.5', protocol: 'http', raw: '203.0.113.7' })
    }
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      peer: '192.0.2.5',
      fields: ['x-forwarded-for', 'x-forwarded-proto'],
      msg: expect.stringContaining("trustProxy: ['192.0.2.5']"),
    })
  })

  it('are told of by an app that trusts nobody, too', async () => {
    const lines: string[] = []
    const stream = collecting(lines)
    const app = Fastify(serverOptions({ logger: { level: 'warn', stream } }))
    await app.inject({ url: '/', headers: {} })
    expect(lines).toEqual([])
    await app.inject({ url: '/', headers: { 'x-forwarded-host': 'evil.example' } })
    expect(lines).toHaveLength(1)
  })

  it('are settled also where another genReqId stands', async () => {
    const app = Fastify({ ...serverOptions({ trustProxy: 'loopback' }), genReqId: () => '1' })
    const headers = { 'x-forwarded-proto': 'HTTPS', 'x-forwarded-for': '203.0.113.7:1' }
    expect(await told(app, headers, '127.0.0.1')).toMatchObject({ protocol: 'https', ip: '203.0.113.7' })
  })
})

describe('mistakes', () => {
  it.each<[object, string, string, unknown]>([
    [{ trustProxy: true }, 'trustProxy', 'trust-everybody', ['loopback']],
    [{ trustProxy: '*' }, 'trustProxy', 'trust-everybody', 'loopback'],
    [{ trustProxy: '0.0.0.0/0' }, 'trustProxy', 'trust-everybody', 'loopback'],
    [{ trustProxy: ['::/0'] }, 'trustProxy[0]', 'trust-everybody', 'loopback'],
    [{ trustProxy: 1 }, 'trustProxy', 'accepts', false],
    [{ trustProxy: [1] }, 'trustProxy[0]', 'trust-entry', 'loopback'],
    [{ trustProxy: 'banana' }, 'trustProxy', 'trust-entry', 'loopback'],
    [{ trustProxy: '' }, 'trustProxy', 'trust-entry', 'loopback'],
    [{ trustProxy: '10.0.0.1, banana' }, 'trustProxy', 'trust-entry', '10.0.0.1'],
    [{ trustProxy: ['10.0.0.1', 'banana'] }, 'trustProxy[1]', 'trust-entry', 'loopback'],
    [{ trustProxy: ['proxy.internal'] }, 'trustProxy[0]', 'trust-entry', 'loopback'],
    [{ trustProxy: 'Private' }, 'trustProxy', 'trust-entry', 'private'],
    [{ trustProxy: 'loopbcak' }, 'trustProxy', 'trust-entry', 'loopback'],
    [{ trustProxy: ['10.0.0.0/33'] }, 'trustProxy[0]', 'trust-prefix', '10.0.0.0/32'],
    [{ trustProxy: ['2001:db8::/129'] }, 'trustProxy[0]', 'trust-prefix', '2001:db8::/128'],
    [{ trustProxy: ['10.0.0.0/255.0.0.0'] }, 'trustProxy[0]', 'trust-prefix', '10.0.0.0/8'],
    [{ trustProxy: ['10.0.0.0/'] }, 'trustProxy[0]', 'trust-prefix', '10.0.0.0/32'],
    [{ trustProxy: ['10.0.0.1:8080'] }, 'trustProxy[0]', 'trust-entry', '10.0.0.1'],
    [{ trustProxy: ['[::1]'] }, 'trustProxy[0]', 'trust-entry', '::1'],
    [{ trustProxy: ['http://10.0.0.1'] }, 'trustProxy[0]', 'trust-entry', '10.0.0.1'],
    [{ trustProxy: ['fe80::1%eth0'] }, 'trustProxy[0]', 'trust-entry', 'fe80::1'],
    [{ trustProxy: ['::ffff:10.0.0.1'] }, 'trustProxy[0]', 'trust-mapped', '10.0.0.1'],
    [{ clientAddressField: 'cf-connecting-ip' }, 'clientAddressField', 'trusted-by-nobody', undefined],
    [
      { trustProxy: 'private', clientAddressField: 'CF-Connecting-IP' },
      'clientAddressField',
      'pattern',
      'cf-connecting-ip',
    ],
    [{ http2: true }, 'http2', 'http2-without-tls', undefined],
    [{ http2: 'yes', https: {} }, 'http2', 'type', false],
  ])('refuses %j with a fix that boots', (options, path, rule, instead) => {
    const mistakes = mistakesOf(options)
    const found = mistakes.find((one) => one.path === path && one.rule === rule)
    const [fix] = found?.fix ?? []
    expect(fix === undefined ? 'none' : 'value' in fix ? fix.value : undefined).toEqual(instead)
    const fixed = structuredClone(options) as Record<string, unknown>
    for (const operation of mistakes.flatMap((one) => one.fix)) {
      const [first = '', index] = operation.path.slice(1).split('/')
      if (operation.op === 'remove') delete fixed[first]
      else if ('value' in operation && index === undefined) fixed[first] = operation.value
      else if ('value' in operation) (fixed[first] as unknown[])[Number(index)] = operation.value
    }
    expect(mistakesOf(fixed)).toEqual([])
  })

  it.each<SecureServerOptions>([
    {},
    { trustProxy: false },
    { trustProxy: 'loopback' },
    { trustProxy: 'private' },
    { trustProxy: ['linklocal', 'uniquelocal'] },
    { trustProxy: ['192.0.2.1', '2001:db8::/32', '::1'] },
    { trustProxy: '10.0.0.0/8,192.0.2.1' },
    { trustProxy: () => false, clientAddressField: 'x-real-ip' },
    { http2: true, https: {} },
  ])('accepts %j', (options) => {
    expect(mistakesOf(options)).toEqual([])
  })
})

function mistakesOf(options: object): readonly Mistake[] {
  try {
    serverOptions(options)
    return []
  } catch (error) {
    return (error as { mistakes: readonly Mistake[] }).mistakes
  }
}
