import Fastify, { type FastifyInstance } from 'fastify'
import type { Mistake } from '@portcullis/kernel'
import { patched } from '@portcullis/testing/patch'
import { describe, expect, it } from 'vitest'
import https from '../src/index.ts'
import { tls } from './tls.ts'

async function register(options: object): Promise<readonly Mistake[]> {
  const app = Fastify({ https: tls }) as unknown as FastifyInstance
  try {
    await app.register(https, structuredClone(options) as never)
    await app.ready()
    return []
  } catch (error) {
    const { mistakes } = error as { mistakes?: readonly Mistake[] }
    if (mistakes === undefined) throw error
    return mistakes
  } finally {
    await app.close()
  }
}

const hosts = ['api.example.com']

describe('options', () => {
  it.each<[path: string, rule: string, options: object]>([
    ['hosts', 'required', {}],
    ['hosts', 'minItems', { hosts: [] }],
    ['hosts', 'type', { hosts: 'api.example.com' }],
    ['hosts[1]', 'uniqueItems', { hosts: ['api.example.com', 'api.example.com'] }],
    ['host', 'additionalProperties', { host: ['api.example.com'] }],
    ['hosts[0]', 'host-form', { hosts: ['https://api.example.com'] }],
    ['hosts[0]', 'host-form', { hosts: ['API.example.com'] }],
    ['hosts[0]', 'host-form', { hosts: ['api.example.com/v1'] }],
    ['hosts[0]', 'host-form', { hosts: ['user:secret@api.example.com'] }],
    ['hosts[0]', 'host-form', { hosts: ['api.example.com:443443'] }],
    ['hosts[0]', 'host-form', { hosts: ['api.example.com\r\nset-cookie: a=b'] }],
    ['hosts[0]', 'host-form', { hosts: ['bücher.example'] }],
    ['hosts[0]', 'host-form', { hosts: ['//'] }],
    ['hosts[0]', 'host-wildcard', { hosts: ['*.example.com'] }],
    ['hosts[0]', 'redirect-loop', { hosts: ['localhost:8080'], plaintext: { port: 8080 } }],
    ['plaintext', 'type', { hosts, plaintext: 8080 }],
    ['plaintext.mode', 'enum', { hosts, plaintext: { mode: 'redirects' } }],
    ['plaintext.port', 'port-that-is-off', { hosts, plaintext: { mode: 'off', port: 8080 } }],
    ['plaintext.host', 'host-without-port', { hosts, plaintext: { mode: 'refuse', host: '127.0.0.1' } }],
    [
      'plaintext.dangerouslyRedirectAll',
      'redirect-that-is-refused',
      { hosts, plaintext: { mode: 'refuse', port: 8080, dangerouslyRedirectAll: true } },
    ],
    ['plaintext.dangerouslyRedirectAll', 'type', { hosts, plaintext: { port: 8080, dangerouslyRedirectAll: 'yes' } }],
    ['plaintext.redirectAll', 'additionalProperties', { hosts, plaintext: { port: 8080, redirectAll: true } }],
    ['plaintext.host', 'minLength', { hosts, plaintext: { port: 8080, host: '' } }],
    ['plaintext.port', 'minimum', { hosts, plaintext: { port: -1 } }],
    ['plaintext.port', 'type', { hosts, plaintext: { port: '8080' } }],
    ['plaintext.port', 'maximum', { hosts, plaintext: { port: 65_536 } }],
    ['plaintext.hst', 'additionalProperties', { hosts, plaintext: { port: 8080, hst: '::' } }],
    ['hsts', 'hsts-true', { hosts, hsts: true }],
    ['hsts', 'accepts', { hosts, hsts: 'max-age=1' }],
    ['hsts.maxAge', 'type', { hosts, hsts: { maxAge: '1 year' } }],
    ['hsts.maxAge', 'minimum', { hosts, hsts: { maxAge: -1 } }],
    ['hsts.maxage', 'additionalProperties', { hosts, hsts: { maxage: 1 } }],
    ['hsts.maxAge', 'preload-needs-a-year', { hosts, hsts: { preload: true, maxAge: 86_400 } }],
    [
      'hsts.includeSubDomains',
      'preload-needs-subdomains',
      { hosts, hsts: { preload: true, includeSubDomains: false } },
    ],
    ['credentialFields[0]', 'pattern', { hosts, credentialFields: ['X-API-Key'] }],
    ['credentialParameters[0]', 'pattern', { hosts, credentialParameters: ['Token'] }],
    ['enabled', 'type', { hosts, enabled: 'false' }],
  ])('refuses %s (%s) of %j with a fix that boots', async (path, rule, options) => {
    const mistakes = await register(options)
    expect(mistakes.map((one) => [one.path, one.rule])).toContainEqual([path, rule])
    expect(
      await register(
        patched(
          options,
          mistakes.flatMap((one) => one.fix),
        ),
      ),
    ).toEqual([])
  })

  it.each<[meant: string, written: string]>([
    ['api.example.com', 'https://api.example.com/v1?x=1'],
    ['api.example.com:8443', 'HTTPS://API.Example.com:8443/'],
    ['api.example.com', 'user:pass@api.example.com'],
    ['api.example.com', 'api.example.com.'],
    ['xn--bcher-kva.example', 'bücher.example'],
    ['example.com', '*.example.com'],
    ['[::1]:8443', 'https://[::1]:8443'],
  ])('proposes %s for %s', async (meant, written) => {
    const [mistake] = await register({ hosts: [written] })
    expect(mistake?.fix).toEqual([{ op: 'replace', path: '/hosts/0', value: meant }])
    expect(mistake?.message).toContain(`write '${meant}'`)
  })

  it('reports all mistakes at once', async () => {
    const mistakes = await register({ hosts: ['https://a.example', 'b.example'], hsts: { maxAge: 1, preload: true } })
    expect(mistakes.map(({ path }) => path)).toEqual(['hosts[0]', 'hsts.maxAge'])
  })

  it.each<[object]>([
    [{ hosts }],
    [{ hosts: ['localhost:8443', '[::1]:8443', '127.0.0.1', 'user_service.local'] }],
    [{ hosts, plaintext: { port: 0, host: '127.0.0.1' } }],
    [{ hosts, plaintext: {} }],
    [{ hosts, plaintext: { mode: 'off' } }],
    [{ hosts, plaintext: { mode: 'refuse' } }],
    [{ hosts, plaintext: { mode: 'refuse', port: 0 } }],
    [{ hosts, plaintext: { mode: 'redirect', port: 0, dangerouslyRedirectAll: true } }],
    [{ hosts, plaintext: { port: 65_535 } }],
    [{ hosts: ['a.example', 'b.example', 'b.example:8443'] }],
    [{ hosts, hsts: {} }],
    [{ hosts, hsts: { maxAge: 315_360_000, includeSubDomains: false } }],
    [{ hosts, credentialFields: ['x-session'] }],
    [{ hosts, credentialParameters: ['token', 'ключ'] }],
    [{ hosts, hsts: false }],
    [{ hosts, hsts: { maxAge: 0 } }],
    [{ hosts, hsts: { preload: true } }],
    [{ hosts, credentialFields: [], credentialParameters: [] }],
    [{ hosts, reportOnly: true }],
    [{ hosts, enabled: false }],
  ])('accepts %j', async (options) => {
    expect(await register(options)).toEqual([])
  })
})
