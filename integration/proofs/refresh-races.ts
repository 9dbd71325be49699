import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import issuer, { postgresSchema, refresh, signIn } from '@portcullis/issuer'
import { startPostgres } from '@portcullis/testing/postgres'
import Fastify from 'fastify'
import pg from 'pg'
import type { Figure, Size } from '../proof.ts'
import type { RefreshAnswers, RefreshBurst } from '../test/refreshing-process.ts'

/** Refreshes of one token at once. */
const RACERS = 200

/** Racers of one token leave one lineage: in one process, and in several over PostgreSQL. */
export async function prove(size: Size): Promise<Figure[]> {
  const rounds = size === 'full' ? 20 : 2
  return [await inMemory(rounds), ...(await overPostgres(rounds, size === 'full' ? 4 : 2))]
}

const figure = (name: string, value: number, bound: number): Figure => ({
  name,
  figure: String(value),
  bound: String(bound),
  ok: value === bound,
})

async function inMemory(rounds: number): Promise<Figure> {
  const app = Fastify()
  const password = { memoryKiB: 8, passes: 1, dangerouslyCheapHashes: true }
  await app.register(issuer, { issuer: 'https://id.example.com', audience: 'https://api.example.com', password })
  await app.ready()
  let lineages = 0
  for (let round = 0; round < rounds; round++) {
    const grant = await signIn(app, { subject: 'racer' })
    if ('refusal' in grant) throw new Error(grant.refusal.code)
    const answers = await Promise.all(Array.from({ length: RACERS }, () => refresh(app, grant.refreshToken)))
    lineages += new Set(answers.map((one) => ('refusal' in one ? one.refusal.code : one.refreshToken))).size
  }
  await app.close()
  return figure(`memory: ${RACERS} racers, lineages left in ${rounds} rounds`, lineages, rounds)
}

async function overPostgres(rounds: number, processes: number): Promise<Figure[]> {
  const server = await startPostgres()
  const pool = new pg.Pool({ connectionString: server.url })
  pool.on('error', () => {})
  const children: ChildProcess[] = []
  try {
    await pool.query(postgresSchema)
    const given = [server.url, randomBytes(32).toString('base64url')]
    const file = new URL('../test/refreshing-process.ts', import.meta.url)
    for (let i = 0; i < processes; i++) children.push(fork(file, given, { execArgv: [] }))
    await Promise.all(children.map((child) => once(child, 'message')))
    const ask = async (child: ChildProcess | undefined, burst: RefreshBurst): Promise<RefreshAnswers> => {
      child?.send(burst)
      return (await once(child as ChildProcess, 'message'))[0] as RefreshAnswers
    }
    let [lineages, refused] = [0, 0]
    for (let round = 0; round < rounds; round++) {
      const [first = ''] = await ask(children[0], { token: null, requests: 1 })
      const burst = { token: first.split(' ')[0] ?? '', requests: RACERS / processes }
      const answers = (await Promise.all(children.map((child) => ask(child, burst)))).flat()
      lineages += new Set(answers).size
      refused += answers.filter((answer) => answer.startsWith('PTC_')).length
    }
    const { rows } = await pool.query<{ tokens: number }>(
      'select count(*)::int as tokens from portcullis_issuer.refresh_tokens where used_at is null',
    )
    const name = `PostgreSQL, ${processes} processes: ${RACERS} racers`
    return [
      figure(`${name}, lineages left in ${rounds} rounds`, lineages, rounds),
      figure(`${name}, refused`, refused, 0),
      figure(`${name}, unused tokens stored`, rows[0]?.tokens ?? -1, rounds),
    ]
  } finally {
    for (const child of children) child.disconnect()
    await pool.end()
    await server.stop()
  }
}
