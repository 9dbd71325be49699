import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

const MAIN = join(import.meta.dirname, '../apps/demo/src/main.ts')

/** The demo in a process of its own, on ports that nobody has. */
export function spawnDemo(certificateFolder: string): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [MAIN], {
    env: {
      ...process.env,
      GATEWAY_PORT: '0',
      PLAINTEXT_PORT: '0',
      APP_PORT: '0',
      OPERATION_PORT: '0',
      CERTIFICATE_FOLDER: certificateFolder,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
