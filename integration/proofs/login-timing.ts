import { randomBytes } from 'node:crypto'
import issuer, { hashPassword, refuse, signIn, verifyPassword } from '@portcullis/issuer'
import Fastify from 'fastify'
import type { Figure, Size } from '../proof.ts'

const KINDS = ['unknown', 'wrong', 'locked'] as const
type Kind = (typeof KINDS)[number]

/** The chance that a sample of one kind is slower than one of the other: 0.5 tells nothing. */
function auc(left: readonly number[], right: readonly number[]): number {
  const sorted = right.toSorted((one, other) => one - other)
  /** How many of the sorted are below, and how many are not above. */
  const rank = (value: number, orEqual: boolean): number => {
    let [low, high] = [0, sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const at = sorted[middle] ?? 0
      if (at < value || (orEqual && at === value)) low = middle + 1
      else high = middle
    }
    return low
  }
  const wins = left.reduce((sum, value) => sum + (rank(value, false) + rank(value, true)) / 2, 0)
  return wins / (left.length * right.length)
}

/** Interleaved in an order drawn anew for every round: what the machine does meanwhile, it does to all. */
function* rounds(count: number): Generator<Kind> {
  for (let round = 0; round < count; round++) {
    const order = KINDS.map((kind) => ({ kind, at: randomBytes(4).readUInt32LE() }))
    yield* order.toSorted((one, other) => one.at - other.at).map(({ kind }) => kind)
  }
}

/** A login does not tell by its time whether the account exists, or is locked; nor by what it answers. */
export async function prove(size: Size): Promise<Figure[]> {
  const app = Fastify()
  const cheap = { memoryKiB: 256, passes: 1, dangerouslyCheapHashes: true }
  // At full size with the parameters that are the default.
  const password = size === 'full' ? {} : cheap
  await app.register(issuer, { issuer: 'https://id.example.com', audience: 'https://api.example.com', password })
  const accounts = new Map<string, { passwordHash: string; locked: boolean }>()
  app.post<{ Body: { name: string; password: string } }>('/login', async (request, reply) => {
    const verified = await verifyPassword(request, request.body.password, accounts.get(request.body.name) ?? null)
    if ('refusal' in verified) return refuse(request, reply, verified.refusal)
    const grant = await signIn(request, { subject: request.body.name })
    return 'refusal' in grant ? refuse(request, reply, grant.refusal) : grant
  })
  await app.ready()
  for (let i = 0; i < 20; i++) {
    for (const [name, locked] of [
      [`open-${i}`, false],
      [`shut-${i}`, true],
    ] as const) {
      const hashed = await hashPassword(app, `the right password ${i}`)
      if ('passwordHash' in hashed) accounts.set(name, { ...hashed, locked })
    }
  }
  let turn = 0
  const attempts: Readonly<Record<Kind, () => { name: string; password: string }>> = {
    unknown: () => ({ name: `none-${turn % 20}`, password: `the right password ${turn % 20}` }),
    wrong: () => ({ name: `open-${turn % 20}`, password: `the wrong password ${turn % 20}` }),
    locked: () => ({ name: `shut-${turn % 20}`, password: `the right password ${turn % 20}` }),
  }
  const times: Record<Kind, number[]> = { unknown: [], wrong: [], locked: [] }
  const answers = new Set<string>()
  const ask = async (kind: Kind): Promise<number> => {
    turn++
    const payload = attempts[kind]()
    const start = process.hrtime.bigint()
    const { statusCode, headers, body } = await app.inject({ method: 'POST', url: '/login', payload })
    const took = Number(process.hrtime.bigint() - start)
    answers.add(JSON.stringify([statusCode, { ...headers, date: '' }, body]))
    return took
  }
  const count = size === 'full' ? 1200 : 1000
  for (const kind of rounds(50)) await ask(kind)
  for (const kind of rounds(count)) times[kind].push(await ask(kind))
  const right = await app.inject({
    method: 'POST',
    url: '/login',
    payload: { name: 'open-1', password: 'the right password 1' },
  })
  await app.close()

  const pairs = [
    ['unknown', 'wrong'],
    ['unknown', 'locked'],
    ['wrong', 'locked'],
  ] as const
  return [
    ...pairs.map(([one, other]) => {
      const share = auc(times[one], times[other])
      return {
        name: `login timing: AUC of ${one} against ${other}, ${count} samples each`,
        figure: share.toFixed(3),
        bound: '0.45–0.55',
        ok: share >= 0.45 && share <= 0.55,
      }
    }),
    {
      name: 'login timing: different answers to the three',
      figure: String(answers.size),
      bound: '1',
      ok: answers.size === 1 && right.statusCode === 200,
    },
  ]
}
