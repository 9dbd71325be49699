import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'
import type { ConfigError } from '../src/index.ts'
import { command } from './process.ts'
import { configFor, startService, writeConfig } from './stage.ts'

function faultsOf(text: string, env: Record<string, string> = {}): ConfigError {
  try {
    readConfig(writeConfig(text).file, env)
  } catch (error) {
    return error as ConfigError
  }
  throw new Error('no fault')
}

describe('a file', () => {
  it('says every mistake at once, each with its line', () => {
    const { faults, message } = faultsOf(
      configFor(1, { more: 'cors: { origins: [https://app.example.com/] }\nlimits: {}\n' }).replace(
        'upstream: service,',
        'upstream: serviec,',
      ),
    )
    expect(faults).toMatchObject([
      { path: 'gateway.routes[0].upstream', line: 12, message: expect.stringContaining("write upstream: 'service'") },
      { path: 'cors.origins[0]', line: 13 },
      { path: 'limits', line: 14 },
    ])
    expect(message).toMatch(/^3 mistakes in .*gateway\.yaml\n/)
  })

  it('says where YAML ends to be one, and that a key stands twice', () => {
    expect(faultsOf('gateway: [').faults[0]).toMatchObject({ line: 1 })
    expect(faultsOf('redis: redis://a\nredis: redis://b\n').faults[0]).toMatchObject({ line: 2 })
  })

  it('says that there is none', () => {
    expect(() => readConfig('nowhere.yaml', {})).toThrow(/cannot be read: ENOENT/)
  })

  it('has no place for what only an app that listens itself can do, and says where it is said', () => {
    const more = 'https: { hosts: [a.example], plaintext: { port: 80, host: 127.0.0.1 } }\n'
    expect(faultsOf(configFor(1, { more })).faults).toMatchObject([
      { path: 'https.plaintext.port', line: 13, message: expect.stringContaining('listen.plaintextPort') },
      { path: 'https.plaintext.host', line: 13, message: expect.stringContaining('listen.host') },
    ])
  })

  it.each([
    ['no port to ask on', '', '', 'listen.plaintextPort', 'write plaintextPort: 80'],
    [
      'a name that cannot be proved',
      'plaintextPort: 0, ',
      'hosts: ["*.a.example"], ',
      'listen.tls.acme.hosts[0]',
      "write '",
    ],
    [
      'no consent',
      'plaintextPort: 0, ',
      'agreeToTerms: false, ',
      'listen.tls.acme.agreeToTerms',
      'write agreeToTerms: true',
    ],
  ])('that asks an authority for a certificate with %s says what is missing', (_what, ports, terms, path, message) => {
    const acme = `tls: { acme: { ${terms.includes('agree') ? '' : 'agreeToTerms: true, '}${terms}folder: acme } }`
    const text = configFor(1, { more: 'https: { hosts: [a.example] }\n' })
    expect(faultsOf(text.replace('port: 0 }', `port: 0, ${ports}${acme} }`)).faults).toMatchObject([
      { line: 2, path, message: expect.stringContaining(message) },
    ])
  })

  it('that would answer everything in the clear is refused', () => {
    const text = configFor(1).replace('port: 0 }', 'port: 0, plaintextPort: 0 }')
    for (const more of ['', 'https: false\n']) {
      expect(faultsOf(`${text}${more}`).faults).toMatchObject([
        { line: 2, path: 'listen.plaintextPort', message: expect.stringContaining('write https: {') },
      ])
    }
  })

  it('asks an authority neither for operators nor name by name', () => {
    const acme = '{ agreeToTerms: true, folder: acme, hosts: [a.example] }'
    const text = configFor(1, { more: 'https: { hosts: [a.example] }\n' })
      .replace('operation: { port: 0 }', `operation: { port: 0, tls: { acme: ${acme} } }`)
      .replace('port: 0 }', `port: 0, plaintextPort: 0, tls: { names: { b.example: { acme: ${acme} } } } }`)
    expect(faultsOf(text).faults.map(({ line, path }) => [line, path])).toEqual([
      [2, 'listen.tls.names["b.example"]'],
      [3, 'operation.tls.acme'],
    ])
  })

  it('switches rooms off by false, and the gateway by nothing', () => {
    const { config } = readConfig(writeConfig(configFor(1, { more: 'headers: false\ncors: false\n' })).file, {})
    expect(config).toMatchObject({ headers: false, cors: false })
    expect(faultsOf('gateway: false\n').faults).toMatchObject([{ line: 1, path: 'gateway' }])
  })

  it('may be JSON', () => {
    const { gateway } = readConfig(writeConfig(configFor(1)).file, {}).config
    const json = writeConfig(JSON.stringify({ gateway: { ...gateway, routes: [] } }))
    expect(readConfig(json.file, {}).config).toMatchObject({ listen: { port: 8443 }, gateway: { routes: [] } })
  })
})

describe('a reference', () => {
  it('leads to a variable, or to a file beside the file', () => {
    const { file } = writeConfig(
      `${configFor(1)}redis: redis://:\${PASSWORD}@127.0.0.1\n`.replace(
        'listen: { host: 127.0.0.1, port: 0 }',
        'listen:\n  port: ${PORT}',
      ),
    )
    const { config } = readConfig(file, { PORT: '8444', PASSWORD: 'pa$$' })
    expect(config).toMatchObject({ listen: { port: 8444 }, redis: 'redis://:pa$$@127.0.0.1' })
    expect(config.gateway).toMatchObject({ internalToken: { key: expect.stringMatching(/^-----BEGIN PRIVATE KEY/) } })
  })

  it('leaves quoted texts texts, and secret files whatever they are', () => {
    const { folder, file } = writeConfig(`redis: "\${NUMBER}"\nlogLevel: \${file:secret}\ngateway: {}\n`)
    writeFileSync(join(folder, 'secret'), '123\n')
    const error = (() => {
      try {
        return readConfig(file, { NUMBER: '123' })
      } catch (thrown) {
        return thrown as ConfigError
      }
    })()
    // Both are judged as texts: a number would be of the wrong type, not of the wrong form.
    expect((error as ConfigError).message).toMatch(/redis .*redis/)
    expect((error as ConfigError).message).not.toContain('123')
  })

  it('that leads nowhere is a mistake with its line, and tells no value', () => {
    const { faults, message } = faultsOf(`redis: \${REDIS}\nlogLevel: \${file:none}\n`, { REDIS: '', OTHER: 'secret' })
    expect(faults).toMatchObject([
      { line: 1, message: 'the variable REDIS is not set' },
      { line: 2, message: 'the file none cannot be read: ENOENT' },
    ])
    expect(message).not.toContain('secret')
  })

  it('is none after another dollar', () => {
    const { file } = writeConfig(configFor(1).replace('issuer: gateway', () => "issuer: '$${GATEWAY}'"))
    expect(readConfig(file, {}).config.gateway).toMatchObject({ internalToken: { issuer: '${GATEWAY}' } })
  })
})

describe('gateway-server --check', () => {
  it('tells what only the rooms can judge', async () => {
    const wrong = command([
      '--check',
      writeConfig(configFor(1, { policy: '{ headers: {} }', more: 'headers: false\n' })).file,
    ])
    expect(await wrong.ended).toBe(1)
    expect(wrong.output()).toMatch(/gateway\.yaml:12:\d+ {2}gateway\.routes\[0\]\.policy\.headers has no effect/)
  })

  it('opens no socket, and ends', async () => {
    const service = await startService()
    const text = configFor(service.port).replace('port: 0 }', `port: ${service.port} }`)
    const right = command(['--check', writeConfig(text).file])
    expect(await right.ended).toBe(0)
    expect(right.output()).toMatch(/gateway\.yaml is valid\n$/)
    expect(service.asked).toEqual([])
  })
})
