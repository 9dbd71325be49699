import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Size } from './proof.ts'

/** One parameter, so that every finding has a name. A `*` marks where it is, where sqlmap does not see it by itself. */
export interface Target {
  readonly name: string
  readonly path: string
  /** The parameter's name; absent: whatever is marked, or found in the path. */
  readonly parameter?: string
  readonly method?: 'POST' | 'DELETE'
  /** A body of JSON. */
  readonly data?: string
  readonly headers?: readonly string[]
  readonly cookie?: string
  /** What every answer holds that is no refusal, where the rest of it is never twice the same. */
  readonly holds?: string
}

/** What sqlmap said in the end. */
export type Finding = 'injectable' | 'not injectable' | 'no result'

/** Lets sqlmap at one parameter: level 5 and risk 3 at full size. */
export async function scan(base: string, target: Target, size: Size): Promise<Finding> {
  const output = mkdtempSync(join(tmpdir(), 'portcullis-sqlmap-'))
  try {
    const child = spawn('sqlmap', argumentsFor(base, target, size, output), {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: output,
    })
    let said = ''
    child.stdout.on('data', (text: Buffer) => (said += text.toString()))
    child.stderr.on('data', (text: Buffer) => (said += text.toString()))
    await once(child, 'close')
    if (/identified the following injection point/.test(said)) return 'injectable'
    const tested = /testing for SQL injection on/.test(said)
    if (tested && /do(?:es)? not (?:appear|seem) to be injectable/.test(said)) return 'not injectable'
    process.stderr.write(`${target.name}: ${said.slice(-500)}\n`)
    return 'no result'
  } finally {
    rmSync(output, { recursive: true, force: true })
  }
}

/** Refusals are answers like others: sqlmap is to go on, whatever it is told. */
const REFUSALS = '400,401,403,404,409,413,415,422,429,500,503'

function argumentsFor(base: string, target: Target, size: Size, output: string): string[] {
  const { path, parameter, method, data, headers = [], cookie, holds } = target
  const [level, risk] = size === 'full' ? ['5', '3'] : ['1', '1']
  const args = [
    '-u',
    `${base}${path}`,
    '--batch',
    '--dbms=PostgreSQL',
    `--level=${level}`,
    `--risk=${risk}`,
    '--threads=4',
  ]
  args.push(
    '--flush-session',
    '--disable-coloring',
    '--skip-waf',
    `--ignore-code=${REFUSALS}`,
    `--output-dir=${output}`,
  )
  if (parameter !== undefined) args.push('-p', parameter)
  // Fields that are no target of their own.
  else args.push('--skip=user-agent,referer,host,cookie')
  if (holds !== undefined) args.push(`--string=${holds}`)
  // Where a field or a cookie is the target, the path is none.
  if (headers.length > 0 || cookie !== undefined) args.push('--answers=URI injections=N')
  if (method !== undefined) args.push(`--method=${method}`)
  if (data !== undefined) args.push('--data', data)
  if (cookie !== undefined) args.push('--cookie', cookie)
  const sent = [...(data === undefined ? [] : ['Content-Type: application/json']), ...headers]
  if (sent.length > 0) args.push('--headers', sent.join('\n'))
  if (size === 'small') args.push('--technique=BEU')
  return args
}
