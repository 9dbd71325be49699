import { freePort } from '@portcullis/testing/free-port'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ConfigError, type GatewayServer, startGateway, type StartOptions } from '../src/index.ts'
import { findsKeys, masum, writeCode } from './code.ts'
import { command, type Command, PATIENCE } from './process.ts'
import { configFor, startService, writeConfig } from './stage.ts'

vi.setConfig({ testTimeout: 3 * PATIENCE })

/** A file that is not valid without code: nothing in it finds keys. */
const guarded = (port: number): string =>
  configFor(port, { policy: '{ auth: {} }', more: 'auth: { apiKeys: {} }\n' }).replace(
    /.*dangerouslyWithoutAuth.*\n/,
    '',
  )

async function start(options: StartOptions): Promise<GatewayServer> {
  const gateway = await startGateway({ watch: false, env: {}, ...options })
  onTestFinished(() => gateway.close())
  return gateway
}

const ask = (port: number, path: string, key = ''): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close', 'x-api-key': key } })

describe('a module beside the file', () => {
  it('adds what it says to the one process', async () => {
    const service = await startService()
    const { file, folder } = writeConfig(guarded(service.port))
    const gateway = await start({ file, extend: writeCode(folder, findsKeys) })
    const own = await ask(gateway.ports.public, '/status', masum.key)
    expect([own.status, await own.json()]).toEqual([200, { process: process.pid }])
    expect((await ask(gateway.ports.public, '/a', masum.key)).status).toBe(200)
    expect((await ask(gateway.ports.public, '/a')).status).toBe(401)
  })

  it('adds it to each worker, at each reading, and to those that follow', async () => {
    const service = await startService()
    const port = await freePort()
    const text = guarded(service.port)
      .replace('port: 0 }', `port: ${port} }`)
      .replace('logLevel: silent', 'logLevel: info')
    const config = writeConfig(text)
    const run = command(['--no-watch', '--workers', '2', config.file, '--extend', writeCode(config.folder, findsKeys)])
    await says(run, 'gateway: answering')
    const pids = await processes(port, 2)
    expect(pids).not.toContain(run.process.pid)
    for (let time = 0; time < 10; time++) expect((await ask(port, '/a')).status).toBe(401)

    config.write(text.replace("rewrite: '/a'", "rewrite: '/b'"))
    run.process.kill('SIGHUP')
    await says(run, 'gateway: reloaded')
    for (let time = 0; time < 10; time++) expect(await (await ask(port, '/a', masum.key)).json()).toBe('/b')

    process.kill(pids[0] as number, 'SIGKILL')
    await says(run, 'a worker has followed')
    expect(await processes(port, 2)).not.toContain(pids[0])
    expect(await (await ask(port, '/a', masum.key)).json()).toBe('/b')
  })

  it('is not read again at a reload', async () => {
    const service = await startService()
    const { file, folder } = writeConfig(guarded(service.port))
    const gateway = await start({ file, extend: writeCode(folder, findsKeys) })
    writeCode(folder, 'export default {}')
    await gateway.reload()
    expect((await ask(gateway.ports.public, '/a', masum.key)).status).toBe(200)
  })

  it.each([
    ['throws', "throw new Error('no database')", /code\.mjs cannot be loaded: Error: no database/],
    ['exports nothing', '', /code\.mjs {2}is no extension: export default \{ options, routes, onEvent, close \}/],
    ['misspells a part', 'export default { route() {} }', /code\.mjs {2}route is no part of an extension/],
    ['gives another type', 'export default { onEvent: [] }', /code\.mjs {2}onEvent is not a function/],
  ])('that %s is told of, with its name', async (_what, text, why) => {
    const { file, folder } = writeConfig(configFor(1))
    await expect(start({ file, extend: writeCode(folder, text) })).rejects.toThrow(why)
  })

  it('has its mistakes told with those of the file', async () => {
    const { file, folder } = writeConfig(`${guarded(1)}limits: {}\n`)
    const code = 'export default { route() {}, options: { auth: { apiKeys: { find: 1 } } } }'
    const error = await start({ file, extend: writeCode(folder, code) }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    const found = (error as ConfigError).faults.map(({ path }) => path)
    expect(found).toEqual(['limits', 'options.auth.apiKeys.find', 'route'])
  })

  it('whose routes workers cannot declare does not start, and says why', async () => {
    const { file, folder } = writeConfig(configFor(1))
    const code = `export default { routes() { throw new Error('no route today') } }`
    const run = command(['--no-watch', '--workers', '2', '--extend', writeCode(folder, code), file])
    expect(await run.ended).toBe(1)
    expect(run.output()).toContain('no route today')
  })
})

describe('what a module leaves open', () => {
  const open = 'setInterval(() => {}, 1000)\n'

  it.each([
    ['keeps no process that ends', []],
    ['keeps no workers that end', ['--workers', '2']],
  ])('%s', async (_what, more) => {
    const { file, folder } = writeConfig(configFor(1).replace('logLevel: silent', 'logLevel: info'))
    const close = `export default { close: () => console.log('closed by ' + process.pid) }`
    const run = command(['--no-watch', ...more, '--extend', writeCode(folder, open + close), file])
    await says(run, 'gateway: answering')
    run.process.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    const closed = run.output().match(/closed by \d+/g) ?? []
    expect(new Set(closed).size).toBe(more.length === 0 ? 1 : 3)
    expect(closed).toHaveLength(more.length === 0 ? 1 : 3)
  })

  it('keeps no start that fails, and is closed then too', async () => {
    const { file, folder } = writeConfig(configFor(1, { policy: '{ cors: {} }' }))
    const close = `export default { close: () => console.log('closed') }`
    const run = command(['--no-watch', '--extend', writeCode(folder, open + close), file])
    expect(await run.ended).toBe(1)
    expect(run.output()).toContain('closed')
  })
})

describe('--check --extend', () => {
  it('judges a file that needs code', async () => {
    const { file, folder } = writeConfig(guarded(1))
    const code = writeCode(folder, `setInterval(() => {}, 1000)\n${findsKeys}`)
    const alone = command(['--check', file])
    const both = command(['--check', '--extend', code, file])
    expect([await alone.ended, await both.ended]).toEqual([1, 0])
    expect(alone.output()).toMatch(/gateway\.yaml:\d+:\d+ {2}auth\.apiKeys/)
    expect(both.output()).toContain('is valid')
  })

  it('tells all mistakes of both at once', async () => {
    const { file, folder } = writeConfig(`${guarded(1)}limits: {}\n`)
    const code = `export default { options: { auth: { apiKeys: { find: () => null, cachefor: 5 } } }, onevent() {} }`
    const run = command(['--check', '--extend', writeCode(folder, code), file])
    expect(await run.ended).toBe(1)
    expect(run.output()).toMatch(
      /^3 mistakes in .*\n.*gateway\.yaml:\d+:\d+ {2}limits .*\n.*code\.mjs {2}options\.auth\.apiKeys\.cachefor .*\n.*code\.mjs {2}onevent /,
    )
  })

  it('judges the routes of code too', async () => {
    const { file, folder } = writeConfig(guarded(1))
    const code = findsKeys.replace("roles: ['operator']", "role: 'operator'")
    const run = command(['--check', '--extend', writeCode(folder, code), file])
    expect(await run.ended).toBe(1)
    expect(run.output()).toMatch(/GET \/status auth\.role {2}is not an option/)
  })

  it('ends with 1 where there is no such module, or where it cannot be read', async () => {
    const { file, folder } = writeConfig(configFor(1))
    const nowhere = command(['--check', '--extend', './nowhere.mjs', file])
    const broken = command(['--check', '--extend', writeCode(folder, 'export default {\n  options: ]\n}'), file])
    expect([await nowhere.ended, await broken.ended]).toEqual([1, 1])
    expect(nowhere.output()).toContain('./nowhere.mjs cannot be loaded')
    expect(broken.output()).toMatch(/code\.mjs cannot be loaded: Unexpected token .*`node --check` says where/)
  })
})

const says = (run: Command, text: string): Promise<void> =>
  vi.waitFor(() => expect(run.output()).toContain(text), { timeout: PATIENCE, interval: 20 })

/** The processes that answer, once there are so many. */
async function processes(port: number, count: number): Promise<number[]> {
  const found = new Set<number>()
  await vi.waitFor(
    async () => {
      const answer = await ask(port, '/status', masum.key)
      found.add(((await answer.json()) as { process: number }).process)
      expect(found.size).toBe(count)
    },
    { timeout: PATIENCE, interval: 5 },
  )
  return [...found]
}
