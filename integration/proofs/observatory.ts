import { execFile, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { spawnDemo } from '../demo-process.ts'
import type { Figure } from '../proof.ts'

const run = promisify(execFile)

const SCANNER = '@mdn/mdn-http-observatory@1.4.8'

/**
 * Scans each target and adds up as the scanner's own `scan()` does, which knows no port and no path. What lies under
 * `.localhost` is this machine, whatever its resolver says.
 */
const script = `
import dns from 'node:dns'
import { ALL_TESTS } from '@mdn/mdn-http-observatory/src/constants.js'
import { MINIMUM_SCORE_FOR_EXTRA_CREDIT } from '@mdn/mdn-http-observatory/src/grader/charts.js'
import { getScoreModifier } from '@mdn/mdn-http-observatory/src/grader/grader.js'
import { retrieve } from '@mdn/mdn-http-observatory/src/retriever/retriever.js'

const { lookup } = dns
dns.lookup = (name, ...rest) => lookup(/(^|\\.)localhost$/.test(name) ? '127.0.0.1' : name, ...rest)

for (const { host, ...options } of JSON.parse(process.argv[2])) {
  const requests = await retrieve(host, options)
  if (!requests.responses.auto?.verified) throw new Error(host + ' did not answer over TLS')
  const results = ALL_TESTS.map((test) => test(requests)).filter(({ result }) => result)
  const modifiers = results.map(({ result }) => getScoreModifier(result))
  const sum = (numbers) => numbers.reduce((total, one) => total + one, 0)
  const base = 100 + sum(modifiers.filter((one) => one < 0))
  const score = base >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? 100 + sum(modifiers) : base
  const told = results.map(({ result }, index) => result + ' ' + modifiers[index])
  console.log(JSON.stringify({ score, status: requests.responses.auto.status, passed: results.every(({ pass }) => pass), told }))
}
`

interface Target {
  readonly name: string
  readonly host: string
  readonly httpsPort: number
  readonly httpPort: number
  readonly path: string
  readonly bound: number
}

interface Verdict {
  readonly score: number
  readonly status: number
  readonly passed: boolean
  readonly told: readonly string[]
}

/**
 * What MDN's HTTP Observatory says of the demo. It is installed outside of the workspace,
 * without its install scripts, which fetch the lists of preloaded hosts and of top-level domains.
 */
export async function prove(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-observatory-'))
  const certificates = join(folder, 'certificates')
  const demo = await startDemo(certificates)
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', SCANNER]
    await run('npm', install, { cwd: folder })
    writeFileSync(join(folder, 'node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json'), '{}')
    writeFileSync(join(folder, 'scan.js'), script)

    const targets: Target[] = [
      { name: "the demo's JSON", ...demo.gateway, path: '/openapi.json', bound: 130 },
      // No list preloads localhost: five points more that nobody can earn here.
      { name: "the demo's page", ...demo.app, path: '/', bound: 140 },
    ]
    const { stdout } = await run(process.execPath, ['scan.js', JSON.stringify(targets)], {
      cwd: folder,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: join(certificates, 'ca.pem') },
    })
    const verdicts = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Verdict)
    return targets.map(({ name, bound }, index) => {
      const { score = 0, status = 0, passed = false, told = [] } = verdicts[index] ?? {}
      const ok = status === 200 && passed && score >= bound
      const figure = ok ? String(score) : `${score} (${status}: ${told.join(', ')})`
      return { name: `observatory: ${name}`, figure, bound: `>= ${bound}`, ok }
    })
  } finally {
    await demo.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function startDemo(certificates: string) {
  const child = spawnDemo(certificates)
  try {
    const output = await printed(child)
    const port = (word: string): number => Number(new RegExp(`${word} +https?://[^:]+:(\\d+)`).exec(output)?.[1])
    return {
      gateway: { host: 'localhost', httpsPort: port('gateway'), httpPort: port('plaintext') },
      // Nothing listens on the first port.
      app: { host: 'app.portcullis.localhost', httpsPort: port('browser app'), httpPort: 1 },
      stop: () => stop(child),
    }
  } catch (error) {
    await stop(child)
    throw error
  }
}

async function printed(child: ChildProcess): Promise<string> {
  let output = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        if (output.includes('Ctrl-C')) resolve()
      })
    }
    child.once('exit', () => reject(new Error(output)))
  })
  child.removeAllListeners('exit')
  return output
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGINT')
  await once(child, 'exit')
}
