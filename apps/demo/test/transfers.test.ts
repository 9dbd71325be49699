import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { liftedLimits } from '../src/limits.ts'
import { type Answer, type StandingDemo, standDemo } from './standing-demo.ts'

/** A user with an account of his own. */
interface Payer {
  readonly account: number
  readonly token: string
}

let demo: StandingDemo
beforeAll(async () => {
  demo = await standDemo({ limits: liftedLimits })
})
afterAll(() => demo?.close())

const password = 'a long enough secret'

async function payer(username: string, balance: number): Promise<Payer> {
  const json = { username, email: `${username}@example.com`, password }
  const { status, json: user } = await demo.call('POST', '/register', { json })
  expect(status).toBe(201)
  const { token } = await demo.signIn(json)
  const [own] = await demo.sql(
    'update portcullis_payments.accounts set balance = $2 where owner_id = $1 returning id',
    [user.id, balance],
  )
  return { account: own.id, token }
}

const pay = (from: Payer, to: Payer, amount: number): Promise<Answer> =>
  demo.call('POST', '/transfer', { token: from.token, json: { amount, toAccount: to.account } })

const total = async () => (await demo.sql('select sum(balance) from portcullis_payments.accounts'))[0].sum
const entries = async (): Promise<number> =>
  Number((await demo.sql('select count(*) from portcullis_payments.transfers'))[0].count)
const balanceOf = async ({ account }: Payer): Promise<number> =>
  Number((await demo.sql('select balance from portcullis_payments.accounts where id = $1', [account]))[0].balance)

const tally = (answers: readonly Answer[]): Record<number, number> => {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

describe('200 transfers at the same moment, with funds for 10', () => {
  it.each([
    ['of one who has just signed in', async (one: Payer) => one],
    [
      'of one who has given the password again',
      async (one: Payer) => {
        await demo.sql(`update portcullis_issuer.sessions set auth_time = auth_time - interval '1 hour'`)
        const { json } = await demo.call('POST', '/step-up', { token: one.token, json: { password } })
        return { ...one, token: json.access_token as string }
      },
    ],
  ])(
    '%s: exactly 10 are done, and no cent appears or vanishes',
    async (whose, authenticated) => {
      const name = whose.includes('again') ? 'again' : 'once'
      const from = await authenticated(await payer(`from_${name}`, 1000))
      const to = await payer(`to_${name}`, 0)
      const [before, count] = [await total(), await entries()]
      const answers = await Promise.all(Array.from({ length: 200 }, () => pay(from, to, 100)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
      // On a slow machine some give up waiting for a connection: they have moved nothing.
      const others = answers.filter(({ status }) => ![200, 409, 503].includes(status))
      expect(others.map(({ status, json }) => [status, json?.code])).toEqual([])
      expect([await balanceOf(from), await balanceOf(to)]).toEqual([0, 1000])
      expect([await total(), await entries()]).toEqual([before, count + 10])
      const done = answers.filter(({ status }) => status === 200).map(({ json }) => json.balance)
      expect(done.toSorted((a, b) => a - b)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900])
    },
    60_000,
  )
})

describe('transfers in every direction at the same moment', () => {
  it('wait for each other, never in a circle', async () => {
    const payers = await Promise.all(['a', 'b', 'c', 'd'].map((name) => payer(`ring_${name}`, 10_000)))
    const before = await total()
    const answers = await Promise.all(
      Array.from({ length: 8 }).flatMap(() =>
        payers.flatMap((from) => payers.filter((to) => to !== from).map((to) => pay(from, to, 7))),
      ),
    )
    expect(answers).toHaveLength(96)
    const counts = tally(answers)
    expect((counts[200] ?? 0) + (counts[503] ?? 0)).toBe(96)
    expect(counts[200]).toBeGreaterThan(0)
    const sent = answers.filter(({ status, json }) => status === 503 && json.code !== 'PTC_SQL_UNAVAILABLE')
    expect(sent).toEqual([])
    expect(await total()).toBe(before)
  }, 60_000)
})
