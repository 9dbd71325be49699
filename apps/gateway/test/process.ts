import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Over } from './stage.ts'

const MAIN = join(import.meta.dirname, '../src/main.ts')

/** Milliseconds, against what hangs: a busy machine takes its time until several processes are there. */
export const PATIENCE = 90_000

/** The command, run. */
export interface Command {
  readonly process: ChildProcess
  /** Log lines so far. */
  readonly lines: { readonly level: number; readonly msg: string }[]
  readonly output: () => string
  readonly ended: Promise<number | null>
}

/** Runs `gateway-server` as its users do; whatever is left of it ends with the test. */
export function command(
  args: readonly string[],
  env: Record<string, string> = {},
  over: Over = onTestFinished,
): Command {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, NODE_OPTIONS: '', ...env } })
  const lines: Command['lines'] = []
  let output = ''
  let rest = ''
  const read = (chunk: Buffer): void => {
    output += String(chunk)
    rest += String(chunk)
    const whole = rest.split('\n')
    rest = whole.pop() ?? ''
    for (const line of whole) if (line.startsWith('{')) lines.push(JSON.parse(line) as Command['lines'][number])
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const ended = once(child, 'close').then(([code]) => code as number | null)
  over(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await ended
  })
  return { process: child, lines, output: () => output, ended }
}
