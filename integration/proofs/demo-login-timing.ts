import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDemo } from '../../apps/demo/src/start.ts'
import type { Figure, Size } from '../proof.ts'

/** What the login guard lets pass without a delay: by account, and by address at one account. */
const PER_ACCOUNT = 20
const PER_PAIR = 5

/** The chance that one of the left is greater than one of the right: 0.5 tells nothing. */
function auc(left: readonly number[], right: readonly number[]): number {
  let wins = 0
  for (const one of left) for (const other of right) wins += one > other ? 1 : one === other ? 0.5 : 0
  return wins / (left.length * right.length)
}

/** The demo's login, over HTTPS and through the gateway to PostgreSQL: its time does not tell who has an account. */
export async function prove(size: Size): Promise<Figure[]> {
  const count = size === 'full' ? 1200 : 100
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-proof-'))
  const demo = await startDemo({
    ports: { gateway: 0, plaintext: 0, app: 0 },
    certificateFolder: folder,
    logLevel: 'silent',
  })
  try {
    const ca = readFileSync(demo.caFile)
    const { port } = new URL(demo.addresses.gateway)
    const post = (path: string, body: object, localAddress: string): Promise<{ status: number; answer: string }> =>
      new Promise((resolve, reject) => {
        const text = JSON.stringify(body)
        const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
        const options: RequestOptions = { host: 'localhost', port, path, method: 'POST', ca, localAddress, headers }
        const outgoing = request({ ...options, family: 4, agent: false }, (answer) => {
          let said = ''
          answer.setEncoding('utf8').on('data', (part: string) => (said += part))
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, answer: said }))
        })
        outgoing.on('error', reject).end(text)
      })
    const accounts = Math.ceil((count + 20) / PER_ACCOUNT)
    for (let i = 0; i < accounts; i++) {
      const user = { username: `known_${i}`, email: `known_${i}@example.com`, password: 'a long enough secret' }
      await post('/register', user, `127.7.0.${1 + Math.floor(i / 10)}`)
    }
    const times = { known: [] as number[], unknown: [] as number[] }
    const answers = new Set<string>()
    const tried = { known: 0, unknown: 0 }
    const attempt = async (kind: 'known' | 'unknown'): Promise<number> => {
      const at = tried[kind]++
      const [account, turn] = [Math.floor(at / PER_ACCOUNT), Math.floor((at % PER_ACCOUNT) / PER_PAIR)]
      const json = { username: `${kind}_${account}`, password: 'not the password at all' }
      const from = `127.${kind === 'known' ? 8 : 9}.${turn}.${1 + account}`
      const start = process.hrtime.bigint()
      const { status, answer } = await post('/login', json, from)
      const took = Number(process.hrtime.bigint() - start)
      answers.add(`${status} ${answer}`)
      return took
    }
    for (let i = 0; i < 20; i++) for (const kind of ['known', 'unknown'] as const) await attempt(kind)
    for (let i = 0; i < count; i++) {
      // In an order drawn anew each time: what the machine does meanwhile, it does to both.
      const order = randomInt(2) === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)
      for (const kind of order) times[kind].push(await attempt(kind))
    }
    const share = auc(times.unknown, times.known)
    // A hundred samples scatter by 0.04.
    const tolerance = size === 'full' ? 0.05 : 0.2
    return [
      {
        name: `demo: AUC of an unknown name against a wrong password, ${count} sign-ins each over HTTPS`,
        figure: share.toFixed(3),
        bound: `${(0.5 - tolerance).toFixed(2)}–${(0.5 + tolerance).toFixed(2)}`,
        ok: Math.abs(share - 0.5) <= tolerance,
      },
      {
        name: 'demo: different answers to the two',
        figure: String(answers.size),
        bound: '1',
        ok: answers.size === 1 && [...answers][0]?.startsWith('401 ') === true,
      },
    ]
  } finally {
    await demo.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
