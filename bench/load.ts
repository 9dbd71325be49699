import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import type { Credential } from './comparison.ts'

/** Sends the one request that all subjects answer: keep-alive, 40 connections, the credentials in rotation; or preflights. */
export interface Load {
  readonly tool: 'wrk' | 'autocannon'
  /**
   * @param expected what all answers have to be; default 2xx
   * @returns what was measured. @throws if any answer was not as expected.
   */
  run(url: string, seconds: number, expected?: Expected): Promise<Measured>
  close(): void
}

/** What a load measured. */
export interface Measured {
  readonly answers: number
  /** Milliseconds that 99 of 100 answers took at most. */
  readonly p99: number
}

/** What answers to a load have to be. */
export type Expected = 'admitted' | 'refused' | 'either'

const CONNECTIONS = 40

/** What a browser asks before a page's POST of JSON with a token. */
export const PREFLIGHT = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'authorization,content-type',
} as const

/** wrk where it is installed; autocannon, which takes more CPU than the servers, only as a smoke test. */
export function openLoad(
  credentials: readonly Credential[],
  origin: string,
  {
    preflights = false,
    post,
    core,
  }: { preflights?: boolean; post?: string | undefined; core?: number | undefined } = {},
): Load {
  const wrkIsHere = spawnSync('wrk', ['-v']).error === undefined
  return wrkIsHere ? wrk(credentials, origin, preflights, post, core) : cannon(credentials, origin, preflights, post)
}

function wrk(
  credentials: readonly Credential[],
  origin: string,
  preflights: boolean,
  post: string | undefined,
  core: number | undefined,
): Load {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const list = join(folder, 'credentials')
  writeFileSync(
    list,
    credentials
      .map((fields) =>
        Object.entries(fields)
          .map((field) => field.join(': '))
          .join('\t'),
      )
      .join('\n'),
  )
  const body = join(folder, 'body')
  writeFileSync(body, post ?? '')
  const script = fileURLToPath(new URL('./wrk.lua', import.meta.url))
  return {
    tool: 'wrk',
    async run(url, seconds, expected = 'admitted') {
      const given = [
        '-t1',
        `-c${CONNECTIONS}`,
        `-d${seconds}s`,
        '-s',
        script,
        url,
        '--',
        list,
        origin,
        ...(preflights ? ['POST'] : []),
        ...(post === undefined ? [] : ['', body]),
      ]
      const [command, before] = core === undefined ? ['wrk', []] : ['taskset', ['-c', String(core), 'wrk']]
      const child = spawn(command, [...before, ...given], { stdio: ['ignore', 'pipe', 'inherit'] })
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      await once(child, 'close')
      const [, requests, refused, broken, p99] = /^TOTAL (\d+) (\d+) (\d+) (\d+)$/m.exec(output) ?? []
      const answers = counted(url, Number(requests), Number(refused), Number(broken), expected)
      return { answers, p99: Number(p99) / 1000 }
    },
    close: () => rmSync(folder, { recursive: true }),
  }
}

function cannon(
  credentials: readonly Credential[],
  origin: string,
  preflights: boolean,
  post: string | undefined,
): Load {
  const requests = preflights
    ? [{ method: 'OPTIONS' as const, headers: { origin, ...PREFLIGHT } }]
    : credentials.map((fields) =>
        post === undefined
          ? { headers: { ...fields, origin } }
          : { method: 'POST' as const, headers: { ...fields, origin, 'content-type': 'application/json' }, body: post },
      )
  return {
    tool: 'autocannon',
    async run(url, seconds, expected = 'admitted') {
      const result = await autocannon({ url, connections: CONNECTIONS, duration: seconds, requests })
      const answers = counted(url, result.requests.total, result.non2xx, result.errors, expected)
      return { answers, p99: result.latency.p99 }
    },
    close: () => undefined,
  }
}

function counted(url: string, requests: number, refused: number, broken: number, expected: Expected): number {
  const wrong = { admitted: refused, refused: requests - refused, either: 0 }[expected]
  if (!(requests > 0) || wrong !== 0 || broken !== 0) {
    throw new Error(`${url}: ${requests} answers, ${refused} of them refusals, ${broken} connections broken`)
  }
  return requests
}
