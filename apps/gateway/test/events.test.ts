import Fastify from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { freePort } from '@portcullis/testing/free-port'
import { type Extension, type SecurityEvent, startGateway } from '../src/index.ts'
import { masum, writeCode } from './code.ts'
import { command, PATIENCE } from './process.ts'
import { configFor, startService, writeConfig } from './stage.ts'

vi.setConfig({ testTimeout: 3 * PATIENCE })

const limited =
  'rateLimit: { policies: [{ name: per-ip, limit: 2, window: 3600 }] }\ncors: { origins: [https://app.example.com] }\n'

async function stage(onEvent: Extension['onEvent']) {
  const service = await startService()
  const lines: string[] = []
  const { log } = Fastify({ logger: { level: 'info', stream: { write: (line: string) => void lines.push(line) } } })
  const config = writeConfig(configFor(service.port, { more: limited }))
  const gateway = await startGateway({ file: config.file, env: {}, watch: false, logger: log, extend: { onEvent } })
  onTestFinished(() => gateway.close())
  const ask = async (headers: Record<string, string> = {}): Promise<number> =>
    (await fetch(`http://127.0.0.1:${gateway.ports.public}/a`, { headers })).status
  return { gateway, config, service, ask, lines }
}

describe('a listener of code', () => {
  it('hears every room of every reading', async () => {
    const heard: string[] = []
    const listen = ({ type, outcome, request }: SecurityEvent): void =>
      void heard.push(`${type} ${outcome} ${request?.url}`)
    const { gateway, config, service, ask } = await stage(listen)
    expect(await ask({ origin: 'https://evil.example' })).toBe(403)
    await ask()
    await ask()
    expect(await ask()).toBe(429)
    const before = ['cors.rejected denied /a', 'rate-limit.exceeded denied /a']
    expect(heard).toEqual(expect.arrayContaining(before))
    config.write(configFor(service.port, { path: '/b', more: limited }))
    await gateway.reload()
    heard.length = 0
    await fetch(`http://127.0.0.1:${gateway.ports.public}/b`, { headers: { origin: 'https://evil.example' } })
    expect(heard).toEqual(['cors.rejected denied /b'])
  })

  it('of the example writes lines', async () => {
    const more = `${limited}auth: { apiKeys: { keys: [${JSON.stringify(masum.entry)}] } }\n`
    const { file } = writeConfig(configFor(1, { more }))
    const written: unknown[] = []
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((line) => Boolean(written.push(line)))
    onTestFinished(() => spy.mockRestore())
    const extend = new URL('../example/code.mjs', import.meta.url)
    const gateway = await startGateway({ file, env: {}, watch: false, extend })
    onTestFinished(() => gateway.close())
    await fetch(`http://127.0.0.1:${gateway.ports.public}/a`, { headers: { origin: 'https://evil.example' } })
    expect(written).toEqual([
      expect.stringMatching(/^\{"type":"cors\.rejected","outcome":"denied",.*"route":"\/a"\}\n$/),
    ])
  })

  it.each<[string, Extension['onEvent']]>([
    [
      'throws',
      () => {
        throw new Error('the SIEM is away')
      },
    ],
    ['rejects', () => Promise.reject(new Error('the SIEM is away')) as never],
    ['never ends', () => new Promise(() => {}) as never],
  ])('that %s harms nothing: answers are what they are, and are counted', async (what, onEvent) => {
    const { gateway, ask, lines } = await stage(onEvent)
    expect(await ask({ origin: 'https://evil.example' })).toBe(403)
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429])
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.ports.operation}/metrics`)).text()
    expect(metrics).toMatch(/^gateway_security_events_total\{event="rate-limit\.exceeded",outcome="denied"\} 1$/m)
    const told = lines.filter((line) => line.includes('the SIEM is away')).length
    expect(told > 0).toBe(what !== 'never ends')
  })

  it('hears in each worker what that worker decides', async () => {
    const service = await startService()
    const port = await freePort()
    const text = configFor(service.port, { more: limited }).replace('port: 0 }', `port: ${port} }`)
    const { file, folder } = writeConfig(text.replace('logLevel: silent', 'logLevel: info'))
    const code = writeCode(
      folder,
      `export default { onEvent: ({ type }) => type === 'cors.rejected' && console.log('heard by ' + process.pid + '.') }`,
    )
    const run = command(['--no-watch', '--workers', '2', '--extend', code, file])
    await vi.waitFor(() => expect(run.output()).toContain('gateway: answering'), { timeout: PATIENCE, interval: 20 })
    let asked = 0
    const by = (): string[] => run.output().match(/heard by \d+\./g) ?? []
    await vi.waitFor(
      async () => {
        asked++
        await fetch(`http://127.0.0.1:${port}/a`, {
          headers: { connection: 'close', origin: 'https://evil.example' },
        })
        expect(new Set(by()).size).toBe(2)
      },
      { timeout: PATIENCE, interval: 5 },
    )
    await vi.waitFor(() => expect(by()).toHaveLength(asked))
  })
})
