import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePort } from '@portcullis/testing/free-port'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { command, type Command, PATIENCE } from './process.ts'
import { configFor, startService, writeConfig } from './stage.ts'

vi.setConfig({ testTimeout: 3 * PATIENCE })

interface Started extends Command {
  readonly url: string
  readonly operation: string
  readonly config: ReturnType<typeof writeConfig>
  /** The text of the file, with something else in it. */
  readonly text: (more?: { rewrite?: string; more?: string }) => string
  /** What is at `/metrics` under that name and labels. */
  readonly metric: (name: string) => Promise<number>
}

async function started(servicePort: number, more = ''): Promise<Started> {
  const [port, operationPort] = [await freePort(), await freePort()]
  const text: Started['text'] = (given = {}) =>
    configFor(servicePort, { more, ...given })
      .replace('port: 0 }', `port: ${port} }`)
      .replace('operation: { port: 0 }', `operation: { port: ${operationPort} }`)
      .replace('logLevel: silent', 'logLevel: info')
  const config = writeConfig(text())
  const run = command(['--no-watch', '--workers', '2', config.file])
  const operation = `http://127.0.0.1:${operationPort}`
  await vi.waitFor(async () => expect((await fetch(`${operation}/ready`)).status).toBe(200), {
    timeout: PATIENCE,
    interval: 100,
  })
  const metric = async (name: string): Promise<number> => {
    const found = (await (await fetch(`${operation}/metrics`)).text()).split('\n').find((line) => line.startsWith(name))
    return Number(found?.slice(found.lastIndexOf(' ')))
  }
  return { ...run, url: `http://127.0.0.1:${port}/a`, operation, config, text, metric }
}

/** Each on a connection of its own, so that both workers get some. */
const ask = async (url: string): Promise<[number, string]> => {
  const answer = await fetch(url, { headers: { connection: 'close' } })
  return [answer.status, await answer.text()]
}

const asked = 'gateway_requests_total{route="/a",method="GET",status="200"}'

describe('two workers', () => {
  it('answer on one port, are counted together, read the file again together, and end together', async () => {
    const service = await startService()
    const gateway = await started(service.port)
    for (let time = 0; time < 20; time++) expect(await ask(gateway.url)).toEqual([200, '"/a"'])
    expect(await gateway.metric(asked)).toBe(20)

    gateway.config.write(gateway.text({ rewrite: '/b' }))
    gateway.process.kill('SIGHUP')
    await vi.waitFor(() => expect(gateway.output()).toContain('gateway: reloaded'), { timeout: PATIENCE })
    for (let time = 0; time < 20; time++) expect(await ask(gateway.url)).toEqual([200, '"/b"'])

    gateway.config.write(gateway.text({ rewrite: '/b/:none' }))
    gateway.process.kill('SIGHUP')
    await vi.waitFor(() => expect(gateway.output()).toContain('not reloaded: 1 mistake'), { timeout: PATIENCE })
    expect(await ask(gateway.url)).toEqual([200, '"/b"'])
    expect(await gateway.metric(asked)).toBe(41)

    gateway.process.kill('SIGTERM')
    expect(await gateway.ended).toBe(0)
    await expect(fetch(gateway.url)).rejects.toThrow()
  })

  it('are two again when one was killed, and what it was seen to have counted is not forgotten', async () => {
    const service = await startService()
    const gateway = await started(service.port)
    const pids = (): number[] => [...new Set(gateway.lines.map((line) => (line as unknown as { pid: number }).pid))]
    for (let time = 0; time < 10; time++) await ask(gateway.url)
    expect(await gateway.metric(asked)).toBe(10)
    const victim = pids().find((pid) => pid !== gateway.process.pid) as number
    process.kill(victim, 'SIGKILL')
    await vi.waitFor(async () => expect((await fetch(`${gateway.operation}/ready`)).status).toBe(503), {
      timeout: 10_000,
      interval: 10,
    })
    await vi.waitFor(() => expect(gateway.output()).toContain('a worker has ended'))
    for (let time = 0; time < 4; time++) expect((await ask(gateway.url))[0]).toBe(200)
    await vi.waitFor(async () => expect((await fetch(`${gateway.operation}/ready`)).status).toBe(200), {
      timeout: PATIENCE,
      interval: 100,
    })
    expect(await gateway.metric(asked)).toBe(14)
  })

  it('say at the start that each counts limits by itself', async () => {
    const service = await startService()
    const limit = 'rateLimit: { policies: [{ name: per-ip, limit: 4, window: 3600 }] }\n'
    const gateway = await started(service.port, limit)
    expect(gateway.lines.map(({ level, msg }) => [level, msg])).toContainEqual([
      40,
      'gateway: without redis each of the 2 workers counts rate limits by itself',
    ])
    const statuses = []
    for (let time = 0; time < 16; time++) statuses.push((await ask(gateway.url))[0])
    expect(statuses.filter((status) => status === 200)).toHaveLength(8)
  })

  it.runIf(hasRedis)('count as one where they have a Redis', async () => {
    const redis = await RedisServer.start()
    onTestFinished(() => redis.stop())
    const service = await startService()
    const limit = 'rateLimit: { store: { timeoutMs: 5000 }, policies: [{ name: per-ip, limit: 4, window: 3600 }] }\n'
    const gateway = await started(service.port, `redis: ${redis.url}\n${limit}`)
    const statuses = []
    for (let time = 0; time < 16; time++) statuses.push((await ask(gateway.url))[0])
    expect(statuses.filter((status) => status === 200)).toHaveLength(4)
    expect(gateway.output()).not.toContain('without redis')
  })

  it('answer where modules are loaded before theirs, and that takes a while', async () => {
    const service = await startService()
    const { file, folder } = writeConfig(configFor(service.port).replace('logLevel: silent', 'logLevel: info'))
    const module = join(folder, 'telemetry.mjs')
    writeFileSync(module, 'await new Promise((resolve) => setTimeout(resolve, 300))')
    const run = command(['--no-watch', '--workers', '1', file], {
      NODE_OPTIONS: `--import=${pathToFileURL(module).href}`,
    })
    await vi.waitFor(() => expect(run.output()).toContain('gateway: answering'), { timeout: PATIENCE })
  })

  it('do not start where one cannot', async () => {
    const service = await startService()
    const { file } = writeConfig(configFor(service.port, { policy: '{ cors: {} }' }))
    const run = command(['--no-watch', '--workers', '2', file])
    expect(await run.ended).toBe(1)
    expect(run.output()).toMatch(/gateway\.routes\[0\]\.policy\.cors has no effect/)
  })
})
