import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { choosePorts } from '../src/addresses.ts'

/** A Redis server of the test's own, started when first asked for. Without the program: skipped, or failed under CI. */
export function startRedis(): { url(skip: (note: string) => never): Promise<string> } {
  let server: ChildProcess | undefined
  let folder: string | undefined
  afterAll(async () => {
    if (server !== undefined && server.exitCode === null) {
      const gone = once(server, 'exit')
      server.kill('SIGTERM')
      await gone
    }
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })
  return {
    async url(skip) {
      if (spawnSync('redis-server', ['--version']).error !== undefined) {
        if (process.env['CI'] !== undefined) throw new Error('redis-server is not installed')
        skip('redis-server is not installed')
      }
      const { gateway: port } = await choosePorts({ gateway: 0, plaintext: 0, app: 0 })
      folder = await mkdtemp(join(tmpdir(), 'portcullis-redis-'))
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
      server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
      for await (const line of server.stdout as NodeJS.ReadableStream) {
        if (String(line).includes('Ready to accept connections')) break
      }
      return `redis://127.0.0.1:${port}`
    },
  }
}
