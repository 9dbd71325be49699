import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { choosePorts } from '../src/addresses.ts'

/** A Redis server for whoever asks, stopped after all tests. Without the program: skipped, or failed under CI. */
export function startRedis(): { url(skip: (note: string) => never): Promise<string> } {
  const servers: { readonly server: ChildProcess; readonly folder: string }[] = []
  afterAll(async () => {
    for (const { server, folder } of servers) {
      if (server.exitCode === null) {
        const gone = once(server, 'exit')
        server.kill('SIGTERM')
        await gone
      }
      await rm(folder, { recursive: true, force: true })
    }
  })
  return {
    async url(skip) {
      if (spawnSync('redis-server', ['--version']).error !== undefined) {
        if (process.env['CI'] !== undefined) throw new Error('redis-server is not installed')
        skip('redis-server is not installed')
      }
      const { gateway: port } = await choosePorts({ gateway: 0, plaintext: 0, app: 0 })
      const folder = await mkdtemp(join(tmpdir(), 'portcullis-redis-'))
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
      const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
      servers.push({ server, folder })
      for await (const line of server.stdout) {
        if (String(line).includes('Ready to accept connections')) break
      }
      return `redis://127.0.0.1:${port}`
    },
  }
}
