import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Setup } from './comparison.ts'
import type { Expected, Load } from './load.ts'
import { Server } from './server.ts'

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Shows where a subject's time goes: its own time by package, then by function. */
export async function profile(
  comparison: string,
  subject: string,
  {
    setup,
    load,
    seconds,
    expected,
    path,
  }: { setup: Setup; load: Load; seconds: number; expected: Expected; path?: string },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-profile-'))
  try {
    const server = await Server.start(comparison, subject, setup, {
      execArgv: ['--cpu-prof', `--cpu-prof-dir=${folder}`],
      ...(path === undefined ? {} : { path }),
    })
    let requests = 0
    try {
      requests =
        (await load.run(server.url, 2, 'either')).answers + (await load.run(server.url, seconds, expected)).answers
      await server.finish()
    } finally {
      await server.stop()
    }
    for (const file of readdirSync(folder)) print(subject, readFileSync(join(folder, file), 'utf8'), requests)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function print(subject: string, text: string, requests: number): void {
  const { nodes, samples, timeDeltas } = JSON.parse(text) as Profile
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const byPackage = new Map<string, number>()
  const byFunction = new Map<string, number>()
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id)
    if (frame === undefined || frame.functionName === '(idle)') continue
    const time = timeDeltas[at] ?? 0
    const owner = ownerOf(frame.url, frame.functionName)
    byPackage.set(owner, (byPackage.get(owner) ?? 0) + time)
    const name = `${frame.functionName || '(anonymous)'} ${owner} ${frame.url.split('/').at(-1) ?? ''}:${frame.lineNumber + 1}`
    byFunction.set(name, (byFunction.get(name) ?? 0) + time)
  }
  console.log(`\nwhere the time of ${subject} goes, µs a request`)
  for (const [times, shown] of [
    [byPackage, 20],
    [byFunction, 40],
  ] as const) {
    console.log()
    for (const [name, time] of [...times].toSorted(([, left], [, right]) => right - left).slice(0, shown)) {
      console.log(`${(time / requests).toFixed(2).padStart(8)}  ${name}`)
    }
  }
}

function ownerOf(url: string, name: string): string {
  if (url === '') return name.startsWith('(') ? name : 'V8'
  // The WebAssembly is Node's HTTP parser.
  if (/^(node|wasm):/.test(url)) return 'node'
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? /packages\/([^/]+)/.exec(url)?.[1] ?? 'bench'
}
