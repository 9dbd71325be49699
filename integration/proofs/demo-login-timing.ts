import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startDemo } from '../../apps/demo/src/start.ts'
import type { Figure, Size } from '../proof.ts'

const KINDS = ['known', 'locked', 'unknown'] as const
type Kind = (typeof KINDS)[number]

/** What the login guard lets pass without a delay: by account, and by address at one account. */
const PER_ACCOUNT = 20
const PER_PAIR = 5

/** The chance that one of the left is greater than one of the right: 0.5 tells nothing. */
function auc(left: readonly number[], right: readonly number[]): number {
  let wins = 0
  for (const one of left) for (const other of right) wins += one > other ? 1 : one === other ? 0.5 : 0
  return wins / (left.length * right.length)
}

/** The demo's login, over HTTPS and through the gateway to PostgreSQL: its time does not tell who has an account, or a locked one. */
export async function prove(size: Size): Promise<Figure[]> {
  const count = size === 'full' ? 1200 : 100
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-proof-'))
  const demo = await startDemo({
    ports: { gateway: 0, plaintext: 0, app: 0, operation: 0 },
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
    for (let i = 0; i < 2 * accounts; i++) {
      const name = `${i % 2 === 0 ? 'known' : 'locked'}_${i >> 1}`
      const user = { username: name, email: `${name}@example.com`, password: passwordOf(name) }
      await post('/register', user, `127.7.0.${1 + Math.floor(i / 10)}`)
    }
    await lock(demo.databaseUrls.admin)
    const times: Record<Kind, number[]> = { known: [], locked: [], unknown: [] }
    const answers = new Set<string>()
    const tried: Record<Kind, number> = { known: 0, locked: 0, unknown: 0 }
    const attempt = async (kind: Kind): Promise<number> => {
      const at = tried[kind]++
      const [account, turn] = [Math.floor(at / PER_ACCOUNT), Math.floor((at % PER_ACCOUNT) / PER_PAIR)]
      const username = `${kind}_${account}`
      // Whoever is locked knows the password.
      const password = kind === 'locked' ? passwordOf(username) : 'not the password at all'
      const from = `127.${8 + KINDS.indexOf(kind)}.${turn}.${1 + account}`
      const start = process.hrtime.bigint()
      const { status, answer } = await post('/login', { username, password }, from)
      const took = Number(process.hrtime.bigint() - start)
      answers.add(`${status} ${answer}`)
      return took
    }
    for (let i = 0; i < 20; i++) for (const kind of KINDS) await attempt(kind)
    for (let i = 0; i < count; i++) {
      // In an order drawn anew each time: what the machine does meanwhile, it does to all.
      const order = KINDS.map((kind) => ({ kind, at: randomInt(2 ** 32) })).toSorted((one, other) => one.at - other.at)
      for (const { kind } of order) times[kind].push(await attempt(kind))
    }
    // A hundred samples scatter by 0.04.
    const tolerance = size === 'full' ? 0.05 : 0.2
    const pairs = [
      ['unknown', 'known', 'an unknown name against a wrong password'],
      ['unknown', 'locked', 'an unknown name against a locked account'],
      ['locked', 'known', 'a locked account against a wrong password'],
    ] as const
    return [
      ...pairs.map(([one, other, words]) => {
        const share = auc(times[one], times[other])
        return {
          name: `demo: AUC of ${words}, ${count} sign-ins each over HTTPS`,
          figure: share.toFixed(3),
          bound: `${(0.5 - tolerance).toFixed(2)}–${(0.5 + tolerance).toFixed(2)}`,
          ok: Math.abs(share - 0.5) <= tolerance,
        }
      }),
      {
        name: 'demo: different answers to the three',
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

const passwordOf = (username: string): string => `a long enough secret: ${username.length}`

/** What an administrator does. */
async function lock(url: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query("update portcullis_users.users set locked_at = now() where username like 'locked%'")
  await admin.end()
}
