import { createServer as createPlain, type Server } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import type { Mistake } from '@portcullis/kernel'
import { Agent, fetch, interceptors, request, type Dispatcher } from 'undici'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { secureDispatcher, type OutboundOptions } from '../src/index.ts'
import { makeCertificate } from './authority.ts'
import { certificates, folder } from './tls.ts'

const { ca } = certificates
const open: (() => unknown)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const close of open.splice(0).toReversed()) await close()
})

const authority = await makeCertificate({ ca: true })
const own = await makeCertificate({ by: authority, hosts: ['localhost', '127.0.0.1'] })
const elsewhere = await makeCertificate({ by: authority, hosts: ['elsewhere.test'] })
const selfSigned = await makeCertificate({ hosts: ['localhost', '127.0.0.1'] })

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
const serve = (options: ServerOptions = own, answer = 'ok'): Promise<number> =>
  listening(createServer(options, (_request, response) => response.end(answer)))

function dispatcher(options: OutboundOptions = { ca: authority.cert }): Dispatcher {
  const made = secureDispatcher(options)
  open.push(() => made.destroy())
  return made
}
/** The answer's text, or the code of what went wrong. */
const get = (url: string, through: Dispatcher, options: object = {}): Promise<string> =>
  request(url, { dispatcher: through, ...options }).then(
    ({ body }) => body.text(),
    (error: NodeJS.ErrnoException) => String(error.code),
  )

describe('a server', () => {
  it('that its authority vouches for is asked, by request and by either fetch', async () => {
    const url = `https://localhost:${await serve()}/`
    const through = dispatcher()
    expect(await get(url, through)).toBe('ok')
    expect(await (await fetch(url, { dispatcher: through })).text()).toBe('ok')
    expect(await (await globalThis.fetch(url, { dispatcher: through } as never)).text()).toBe('ok')
  })

  it('is asked by its address, too', async () => {
    expect(await get(`https://127.0.0.1:${await serve()}/`, dispatcher())).toBe('ok')
  })

  it('is told who we are', async () => {
    const client = await makeCertificate({ by: authority, hosts: ['us.internal'], purpose: '1.3.6.1.5.5.7.3.2' })
    const asking = { ...own, ca: authority.cert, requestCert: true, rejectUnauthorized: true }
    const server = createServer(asking, ({ socket }, response) =>
      response.end((socket as TLSSocket).getPeerX509Certificate()?.subjectAltName),
    )
    const url = `https://localhost:${await listening(server)}/`
    const { key, cert } = client
    expect(await get(url, dispatcher({ ca: authority.cert, key, cert }))).toBe('DNS:us.internal')
  })

  it('is trusted by a file of authorities', async () => {
    const caFile = join(folder(), 'ca.pem')
    writeFileSync(caFile, authority.cert)
    expect(await get(`https://localhost:${await serve()}/`, dispatcher({ caFile }))).toBe('ok')
    expect(() => secureDispatcher({ caFile: '/none' })).toThrow('PTC_HTTPS_OUTBOUND_AUTHORITY_UNUSABLE')
  })
})

describe('whoever', () => {
  it('set NODE_TLS_REJECT_UNAUTHORIZED=0 has switched verification off for undici, and not for this', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const url = `https://localhost:${await serve(selfSigned)}/`
    const bare = new Agent()
    open.push(() => bare.destroy())
    expect(await get(url, bare)).toBe('ok')
    expect(await get(url, dispatcher())).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/)
    expect(await get(url, dispatcher({}))).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/)
  })

  it('writes the Host field chooses whose certificate undici takes, and not whose this takes', async () => {
    const port = await serve(elsewhere)
    const headers = { host: 'elsewhere.test' }
    const bare = new Agent({ connect: { ca: authority.cert } })
    open.push(() => bare.destroy())
    expect(await get(`https://localhost:${port}/`, bare, { headers })).toBe('ok')
    expect(await get(`https://localhost:${port}/`, dispatcher(), { headers })).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  it('passes options of its own with a request changes nothing', async () => {
    const port = await serve(selfSigned)
    for (const options of [
      { rejectUnauthorized: false },
      { connect: { rejectUnauthorized: false } },
      { servername: 'elsewhere.test' },
    ])
      expect(await get(`https://localhost:${port}/`, dispatcher(), options)).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/)
  })

  it('answers with a certificate of another name is left', async () => {
    expect(await get(`https://localhost:${await serve(elsewhere)}/`, dispatcher())).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  it('answers with a certificate of another authority is left', async () => {
    const url = `https://localhost:${await serve()}/`
    expect(await get(url, dispatcher({ ca }))).toMatch(/UNABLE_TO|SELF_SIGNED/)
  })

  it('speaks nothing above TLS 1.1 is left, and nothing above 1.2 by a modern policy', async () => {
    const old = { ...own, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    expect(await get(`https://localhost:${await serve(old)}/`, dispatcher())).toMatch(/PROTOCOL_VERSION|UNSUPPORTED/)
    const url = `https://localhost:${await serve({ ...own, maxVersion: 'TLSv1.2' })}/`
    expect(await get(url, dispatcher())).toBe('ok')
    expect(await get(url, dispatcher({ ca: authority.cert, policy: 'modern' }))).toMatch(/PROTOCOL_VERSION/)
  })
})

describe('plaintext', () => {
  it('is not asked', async () => {
    const asked: unknown[] = []
    const port = await listening(createPlain((_request, response) => response.end(asked.push(1) && 'plain')))
    const through = dispatcher()
    expect(await get(`http://127.0.0.1:${port}/`, through)).toBe('PTC_HTTPS_OUTBOUND_PLAINTEXT')
    for (const one of [fetch, globalThis.fetch])
      await expect(one(`http://127.0.0.1:${port}/`, { dispatcher: through } as never)).rejects.toMatchObject({
        cause: { code: 'PTC_HTTPS_OUTBOUND_PLAINTEXT' },
      })
    expect(asked).toEqual([])
  })

  it('is not where a redirect leads, which takes the credential along by default', async () => {
    const arrived: unknown[] = []
    const plain = createPlain((asked, response) => {
      arrived.push(asked.headers['x-api-key'])
      response.end('plain')
    })
    const port = await listening(plain)
    const redirecting = createServer(own, (_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end()
    })
    const url = `https://127.0.0.1:${await listening(redirecting)}/`
    const headers = { 'x-api-key': 's3cret' }
    const bare = new Agent({ connect: { ca: authority.cert } })
    open.push(() => bare.destroy())
    expect(await (await fetch(url, { dispatcher: bare, headers })).text()).toBe('plain')
    expect(arrived).toEqual(['s3cret'])

    const through = dispatcher()
    await expect(fetch(url, { dispatcher: through, headers })).rejects.toMatchObject({
      cause: { code: 'PTC_HTTPS_OUTBOUND_PLAINTEXT' },
    })
    const following = through.compose(interceptors.redirect({ maxRedirections: 3 }))
    expect(await get(url, following, { headers })).toBe('PTC_HTTPS_OUTBOUND_PLAINTEXT')
    expect(arrived).toHaveLength(1)
  })
})

describe('a slow server', () => {
  it('is left once its time is over', async () => {
    const silent = createServer(own, () => {})
    const through = dispatcher({ ca: authority.cert, headersTimeout: 1 })
    expect(await get(`https://localhost:${await listening(silent)}/`, through)).toBe('UND_ERR_HEADERS_TIMEOUT')
  })
})

describe('options', () => {
  const mistakesOf = (options: unknown): readonly Mistake[] => {
    try {
      open.push(
        (
          (made) => () =>
            made.destroy()
        )(secureDispatcher(options as never)),
      )
      return []
    } catch (error) {
      return (error as { mistakes: readonly Mistake[] }).mistakes
    }
  }
  const { key, cert } = own

  it.each<[unknown, string, string]>([
    [{ rejectUnauthorized: false }, 'rejectUnauthorized', 'additionalProperties'],
    [{ checkServerIdentity: () => undefined }, 'checkServerIdentity', 'additionalProperties'],
    [{ ca: authority.cert, caFile: 'ca.pem' }, 'caFile', 'ca-twice'],
    [{ ca: true }, 'ca', 'accepts'],
    [{ caFile: '' }, 'caFile', 'minLength'],
    [{ key }, 'key', 'key-without-cert'],
    [{ cert }, 'cert', 'cert-without-key'],
    [{ passphrase: 'x' }, 'passphrase', 'passphrase-without-key'],
    [{ passphrase: 1 }, 'passphrase', 'type'],
    [{ policy: 'TLSv1.1' }, 'policy', 'enum'],
    [{ connectTimeout: '10' }, 'connectTimeout', 'type'],
    [{ connectTimeout: 0 }, 'connectTimeout', 'minimum'],
    [{ headersTimeout: 0.5 }, 'headersTimeout', 'type'],
    [{ bodyTimeout: 3601 }, 'bodyTimeout', 'maximum'],
  ])('%j are refused with a fix', (options, path, rule) => {
    const found = mistakesOf(options).find((one) => one.path === path && one.rule === rule)
    expect(found?.fix.length).toBeGreaterThan(0)
  })

  it.each<[OutboundOptions]>([
    [{}],
    [{ ca: authority.cert }],
    [{ ca: Buffer.from(authority.cert) }],
    [{ key, cert }],
    [{ policy: 'modern', connectTimeout: 1, headersTimeout: 1, bodyTimeout: 3600 }],
  ])('number %# are accepted', (options) => {
    expect(mistakesOf(options)).toEqual([])
  })

  it('with authorities that are none fail at once', () => {
    expect(() => secureDispatcher({ ca: 'undefined' })).toThrow(
      'PTC_HTTPS_OUTBOUND_AUTHORITY_UNUSABLE: the certificates that secureDispatcher() should trust (ca) hold no certificate',
    )
  })
})
