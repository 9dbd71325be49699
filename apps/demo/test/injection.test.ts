import { sanitizeHtml } from '@portcullis/xss'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { payloads } from './injection-payloads.ts'
import { type Answer, type StandingDemo, standDemo } from './standing-demo.ts'

let demo: StandingDemo
let database: pg.Client
/** Users enough to stay below the limit of each. */
const tokens: string[] = []
beforeAll(async () => {
  demo = await standDemo()
  database = new pg.Client({ connectionString: demo.databaseUrls.admin })
  await database.connect()
  for (let i = 0; i < 6; i++) {
    const user = { username: `user${i}`, email: `user${i}@example.com`, password: 'a long enough secret' }
    await demo.call('POST', '/register', { json: user })
    tokens.push((await demo.signIn(user)).token)
  }
})
afterAll(async () => {
  await database?.end()
  await demo?.close()
})

/** For a URL, which has no place for half a surrogate pair. */
const encoded = (text: string): string => encodeURIComponent(text.replaceAll(/\p{Cs}/gu, '\ufffd'))

/** What must be the same afterwards. */
const inventory = async () => {
  const { rows } = await database.query(
    `select (select sum(balance) from portcullis_payments.accounts) as money,
            (select count(*) from portcullis_payments.transfers) as transfers,
            (select string_agg(username || password_hash, ',' order by id) from portcullis_users.users) as users,
            (select count(*) from pg_class) as tables`,
  )
  return rows
}

describe('a text that is part of a statement', () => {
  it('finds every user with a condition that always holds', async () => {
    const search = "' OR 1=1 --"
    const { rows } = await database.query(
      `select username from portcullis_users.users where username like '%${search}%'`,
    )
    expect(rows.map(({ username }) => username)).toContain('masum')
  })
})

describe('the same text, wherever the API takes one', () => {
  it('is tried in sixty spellings at least', () => {
    expect(new Set(payloads).size).toBeGreaterThanOrEqual(60)
  })

  let asked = 0
  const places: readonly [string, readonly number[], (text: string, token: string, from: string) => Promise<Answer>][] =
    [
      [
        'search',
        [200, 400],
        (text, token, from) => demo.call('GET', `/users?search=${encoded(text)}`, { token, from }),
      ],
      ['sort', [400], (text, token, from) => demo.call('GET', `/users?sort=${encoded(text)}`, { token, from })],
      [
        'the id of a post',
        [400],
        (text, token, from) => demo.call('GET', `/posts/${encoded(text)}/comments`, { token, from }),
      ],
      [
        'a post',
        [201, 400],
        (text, token, from) => demo.call('POST', '/posts', { token, from, json: { title: text, body: text } }),
      ],
      [
        'a comment',
        [201, 400],
        (text, token, from) => demo.call('POST', '/posts/1/comments', { token, from, json: { comment: text } }),
      ],
      [
        'a transfer',
        [400],
        (text, token, from) => demo.call('POST', '/transfer', { token, from, json: { amount: text, toAccount: text } }),
      ],
      [
        'a sign-in',
        [400, 401, 429],
        (text, _token, from) =>
          demo.call('POST', '/login', { from, json: { username: text.slice(0, 32), password: text } }),
      ],
      [
        'a registration',
        [400],
        (text, _token, from) =>
          demo.call('POST', '/register', {
            from,
            json: { username: text, email: `${text}@example.com`, password: text },
          }),
      ],
      [
        'the refresh cookie',
        [401],
        (text, _token, from) =>
          demo.call('POST', '/refresh', {
            from,
            headers: { cookie: `__Host-portcullis-refresh=${encoded(text)}` },
          }),
      ],
    ]

  it.each(places)('is text in %s: no error, no row too many, no delay', async (_place, statuses, ask) => {
    const before = await inventory()
    const started = performance.now()
    const wrong: unknown[] = []
    for (const text of payloads) {
      asked += 1
      const token = tokens[Math.floor(asked / 90) % tokens.length] as string
      const { status, json } = await ask(text, token, `127.0.${1 + Math.floor(asked / 15)}.1`)
      if (!statuses.includes(status)) wrong.push([text, status])
      if (status === 200 && json.length > 0) wrong.push([text, json])
      // Titles are text; comments are rich text.
      if (status === 201 && (json.title ?? json.comment) !== (json.title === undefined ? sanitizeHtml(text) : text))
        wrong.push([text, json])
    }
    expect(wrong).toEqual([])
    // One that sleeps would sleep five seconds; the statement's own limit is three.
    expect(performance.now() - started).toBeLessThan(payloads.length * 200)
    expect(await inventory()).toEqual(before)
  })
})

describe('JSON', () => {
  const post = (path: string, body: string | Buffer, type = 'application/json') =>
    demo.call('POST', path, { token: tokens[5] as string, from: '127.1.0.1', body, headers: { 'content-type': type } })

  it.each([
    '1e400',
    '1.5',
    '0',
    '-0',
    '-1',
    '1e-1',
    '100000000001',
    '9007199254740993',
    '1e21',
    'NaN',
    'Infinity',
    'null',
    'true',
    '"1"',
    '[1]',
    '{"valueOf":1}',
    '0x10',
    '01',
    '+1',
  ])('has no amount %s', async (amount) => {
    expect((await post('/transfer', `{"amount":${amount},"toAccount":1002}`)).status).toBe(400)
  })

  it.each([
    ['a prototype', '{"__proto__":{"amount":1},"amount":1,"toAccount":1002}'],
    ['a prototype in disguise', String.raw`{"__pr\u006fto__":{"amount":1},"amount":1,"toAccount":1002}`],
    ['the prototype of a constructor', '{"constructor":{"prototype":{"x":1}},"amount":1,"toAccount":1002}'],
    ['two documents', '{"amount":1,"toAccount":1002}{"amount":1,"toAccount":1002}'],
    ['a list of orders', '[{"amount":1,"toAccount":1002}]'],
    ['twenty thousand lists', `{"amount":${'['.repeat(20_000)}${']'.repeat(20_000)},"toAccount":1002}`],
    ['six thousand members', `{${Array.from({ length: 6000 }, (_, i) => `"k${i}":1`).join(',')}}`],
    ['UTF-16', Buffer.from('{"amount":1,"toAccount":1002}', 'utf16le')],
    ['nothing', ''],
  ])('is refused with %s', async (_what, body) => {
    expect((await post('/transfer', body)).status).toBe(400)
  })

  it.each(['text/plain', 'text/plain; x=application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'])(
    'is not looked for in %s, which a page of any origin may post unasked',
    async (type) => {
      expect((await post('/transfer', '{"amount":1,"toAccount":1002}', type)).status).toBe(415)
    },
  )
})

describe('names', () => {
  const register = (username: string, email: string, password = 'a long enough secret', from = '127.1.0.2') =>
    demo.call('POST', '/register', { from, json: { username, email, password } })

  it.each(['mаsum', 'ｍasum', 'MASUM', 'masum ', 'masum\u200b', 'masum\n', 'ma\u0301sum', 'toString'])(
    'are not taken for each other: %j',
    async (username) => {
      expect((await register(username, 'confused@example.com')).status).toBe(400)
    },
  )

  // In lower case the Kelvin sign is a k, and İ is two characters: 254 become more than a column takes.
  it.each(['\u212a@example.com', 'ma\u017fum@example.com', `${'İ'.repeat(64)}@${'a'.repeat(189)}`, 'a@b\r\nBcc: c@d'])(
    'are not taken for each other: %j',
    async (email) => {
      expect((await register('confused', email)).status).toBe(400)
    },
  )

  it('belong to one of twenty that register them at the same moment', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        register('wanted', `wanted_${i}@example.com`, 'a long enough secret', `127.1.1.${i + 1}`),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)])
  })

  it('have no second password that hashes as theirs', async () => {
    // Half a surrogate pair is encoded as U+FFFD, whichever half it is.
    expect((await register('halves', 'halves@example.com', '\ud800 a long secret', '127.1.0.3')).status).toBe(400)
    const whole = { username: 'wholes', email: 'wholes@example.com', password: '\ufffd a long secret' }
    expect((await register(whole.username, whole.email, whole.password, '127.1.0.3')).status).toBe(201)
    const json = { username: 'wholes', password: '\ud801 a long secret' }
    expect((await demo.call('POST', '/login', { from: '127.1.0.3', json })).status).toBe(400)
  })
})
