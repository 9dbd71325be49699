import { refreshCookie } from '../../apps/demo/src/user-service/refresh-cookie.ts'
import type { Ask } from '../../apps/demo/test/standing-demo.ts'
import { openDemoDoor } from '../demo-door.ts'
import type { Figure, Size } from '../proof.ts'
import { random, textOf, valueOf } from './sql-fuzz.ts'

/** What an answer never holds: words of the server and of the driver, names of its schemas, SQLSTATEs. */
const TOLD =
  /SQLSTATE|syntax|postgres|\bpg\b|kysely|relation|column|constraint|operator|invalid (?:input|byte)|out of range|portcullis_|ECONN|at \w+ \(/i
const CODE = /"[0-9][0-9A-Z]{4}"/

/** One request, and how many values it brings. */
interface Request extends Ask {
  readonly method: string
  readonly path: string
  readonly values: number
}

type Pick = (below: number) => number

/** For a URL, a field or a cookie, which have no place for half a surrogate pair. */
const encoded = (text: string): string => encodeURIComponent(text.replaceAll(/\p{Cs}/gu, '\ufffd'))

/** Text most of the time: what else there is, schemas refuse. */
const value = (pick: Pick): unknown => (pick(4) === 0 ? valueOf(pick) : textOf(pick).slice(0, 300))

function posted(path: string, json: Readonly<Record<string, unknown>>): Request {
  return { method: 'POST', path, json, values: Object.keys(json).length }
}

/** Every place of the demo's API in which a value can stand. Those that hash a password are asked less often. */
const places: readonly ((pick: Pick) => Request)[] = [
  (pick) => ({ method: 'GET', path: `/users?search=${encoded(textOf(pick).slice(0, 64))}`, values: 1 }),
  (pick) => ({ method: 'GET', path: `/users?search=a&sort=${encoded(textOf(pick))}`, values: 1 }),
  (pick) => ({ method: 'GET', path: `/posts/${encoded(textOf(pick))}/comments`, values: 1 }),
  (pick) => ({ method: 'DELETE', path: `/sessions/${encoded(textOf(pick))}`, values: 1 }),
  (pick) => ({ method: 'DELETE', path: `/api-keys/${encoded(textOf(pick))}`, values: 1 }),
  (pick) => posted('/posts', { title: value(pick), body: value(pick) }),
  (pick) => posted('/posts', { title: textOf(pick).slice(0, 200), body: textOf(pick) }),
  (pick) => posted('/posts/1/comments', { comment: value(pick) }),
  (pick) => posted('/transfer', { amount: valueOf(pick), toAccount: valueOf(pick) }),
  (pick) => posted('/transfer', { amount: pick(2 ** 31), toAccount: pick(2 ** 31) }),
  (pick) => posted('/api-keys', { name: value(pick), days: valueOf(pick), scopes: [value(pick), 'posts:read'] }),
  (pick) => posted('/register', { username: value(pick), email: `${textOf(pick)}@example.com`, password: value(pick) }),
  (pick) => ({
    method: 'GET',
    path: '/posts',
    values: 1,
    headers: { 'x-api-key': encoded(textOf(pick)).slice(0, 2000) },
  }),
  (pick) => ({
    method: 'POST',
    path: '/refresh',
    values: 1,
    headers: { cookie: `${refreshCookie}=${encoded(textOf(pick)).slice(0, 2000)}` },
  }),
  (pick) => {
    const json = { username: value(pick), password: value(pick) }
    const headers = { 'user-agent': encoded(textOf(pick)).slice(0, 2000) }
    return pick(10) === 0
      ? { ...posted('/login', json), headers, values: 3 }
      : posted('/login', { ...json, username: {} })
  },
  (pick) =>
    pick(10) === 0 ? posted('/step-up', { password: value(pick) }) : posted('/step-up', { password: valueOf(pick) }),
]

/** Values of every kind in every place of the demo's API: the answer tells nothing of the database, and is never a 500. */
export async function prove(size: Size): Promise<Figure[]> {
  const wanted = size === 'full' ? 100_000 : 1_000
  const door = await openDemoDoor()
  const { demo } = door
  try {
    const pick = random(20_261_125)
    const tally = new Map<number, number>()
    const told: string[] = []
    const failed: string[] = []
    let sent = 0
    const one = async (): Promise<void> => {
      const { method, path, values, ...ask } = (places[pick(places.length)] as (typeof places)[number])(pick)
      sent += values
      const anonymous = ask.headers !== undefined || path === '/login' || path === '/register'
      const { status, text } = await demo.call(method, path, anonymous ? ask : { ...ask, token: await door.token() })
      tally.set(status, (tally.get(status) ?? 0) + 1)
      const line = `${method} ${path} ${JSON.stringify(ask).slice(0, 300)} ${status} ${text.slice(0, 300)}`
      if (TOLD.test(text) || CODE.test(text)) told.push(line)
      // The gateway may shed load, and the services may have no connection to spare: that is no failure.
      if (status === 500 || status === 502) failed.push(line)
    }
    for (let round = 0; sent < wanted; round++) {
      await Promise.all(Array.from({ length: 20 }, one))
      // What was inserted would make every later list longer.
      if (round % 50 === 0) await demo.sql('delete from portcullis_users.posts where id > 3')
    }
    for (const line of [...told, ...failed].slice(0, 5)) process.stderr.write(`${line}\n`)
    const statuses = [...tally].toSorted(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
    return [
      {
        name: 'demo: values sent to its API',
        figure: `${sent} (${statuses.join(', ')})`,
        bound: `>= ${wanted}`,
        ok: sent >= wanted,
      },
      {
        name: 'demo: answers that tell of the database',
        figure: String(told.length),
        bound: '0',
        ok: told.length === 0,
      },
      { name: 'demo: answers 500', figure: String(failed.length), bound: '0', ok: failed.length === 0 },
    ]
  } finally {
    await door.close()
  }
}
