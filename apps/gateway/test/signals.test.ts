import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { freePort } from '@portcullis/testing/free-port'
import { command, type Command, PATIENCE } from './process.ts'
import { configFor, startService, writeConfig } from './stage.ts'

// Signals at bad moments.
vi.setConfig({ testTimeout: 3 * PATIENCE })

async function stage({ delay = 0, deadline = 1 } = {}) {
  const service = await startService()
  const port = await freePort()
  const text = (rewrite: string): string =>
    configFor(service.port, { rewrite })
      .replace('port: 0 }', `port: ${port} }`)
      .replace('delay: 0, deadline: 5', `delay: ${delay}, deadline: ${deadline}`)
      .replace('logLevel: silent', 'logLevel: info')
  const config = writeConfig(text('/old'))
  const answer = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/a`)).text()
  return { ...config, text, answer, service }
}

const answering = (run: Command): Promise<void> =>
  vi.waitFor(() => expect(run.output()).toContain('gateway: answering'), { timeout: PATIENCE, interval: 20 })

const pidsOf = ({ lines, process: { pid } }: Command): number[] =>
  [...new Set(lines.map((line) => (line as unknown as { pid: number }).pid))].filter((one) => one !== pid)

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('SIGHUP while it starts does not end it, and what was written until then is read', async () => {
  const { file, write, text, answer } = await stage()
  const run = command(['--no-watch', file])
  // From when it is caught (the lowest bit): until the program has begun no signal has a meaning but its own.
  const caught = (): boolean => /^SigCgt:.*[13579bdf]$/m.test(readFileSync(`/proc/${run.process.pid}/status`, 'latin1'))
  await vi.waitFor(() => expect(caught()).toBe(true), { timeout: PATIENCE, interval: 1 })
  expect(run.output()).toBe('')
  write(text('/new'))
  run.process.kill('SIGHUP')
  await Promise.race([answering(run), run.ended])
  expect(run.process.signalCode).toBe(null)
  await vi.waitFor(async () => expect(await answer()).toBe('"/new"'), { timeout: 10_000 })
})

it('SIGTERM while workers start leaves none of them', async () => {
  const { file } = await stage()
  const run = command(['--no-watch', '--workers', '2', file])
  await vi.waitFor(() => expect(pidsOf(run)).toHaveLength(2), { timeout: PATIENCE, interval: 1 })
  run.process.kill('SIGTERM')
  await run.ended
  await vi.waitFor(() => expect(pidsOf(run).filter(isAlive)).toEqual([]), { timeout: 10_000 })
})

it('SIGTERM a second time ends it at once, whatever is under way', async () => {
  const { file } = await stage({ delay: 3600 })
  const run = command(['--no-watch', file])
  await answering(run)
  run.process.kill('SIGTERM')
  await wait(200)
  expect(run.process.exitCode).toBe(null)
  run.process.kill('SIGTERM')
  expect(await run.ended).toBe(1)
})

it('SIGHUP while it ends changes nothing', async () => {
  const { file, write, text, answer } = await stage({ delay: 2 })
  const run = command(['--no-watch', file])
  await answering(run)
  run.process.kill('SIGTERM')
  // Two that are sent at once come in any order.
  await wait(200)
  write(text('/new'))
  run.process.kill('SIGHUP')
  await wait(500)
  expect(await answer()).toBe('"/old"')
  expect(await run.ended).toBe(0)
  expect(run.output()).not.toMatch(/reloaded/)
})

it('SIGTERM during a reload that does not come to an end still ends it', async () => {
  const { file } = await stage()
  const run = command(['--no-watch', '--workers', '2', file])
  await answering(run)
  const [frozen] = pidsOf(run) as [number]
  process.kill(frozen, 'SIGSTOP')
  run.process.kill('SIGHUP')
  await wait(200)
  run.process.kill('SIGTERM')
  expect(await run.ended).toBe(0)
  expect(pidsOf(run).filter(isAlive)).toEqual([])
})

it('workers whose first process is killed while they listen end without a word', async () => {
  const { file, folder } = await stage()
  const module = join(folder, 'code.mjs')
  writeFileSync(
    module,
    `import cluster from 'node:cluster'
    import { Server } from 'node:net'
    const { listen } = Server.prototype
    Server.prototype.listen = function (...given) {
      if (cluster.isWorker) {
        process.kill(process.ppid, 'SIGKILL')
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
      }
      return listen.apply(this, given)
    }
    export default {}`,
  )
  const run = command(['--no-watch', '--workers', '1', '--extend', module, file])
  // Its output is closed once the worker has ended, too.
  expect(await run.ended).toBe(null)
  expect(run.output()).not.toContain('EPIPE')
})
