import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type StandingDemo, standDemo } from './standing-demo.ts'

let demo: StandingDemo
let token: string
let cookie: string
/** Every line that any server of the demo has logged. */
const lines: string[] = []
beforeAll(async () => {
  demo = await standDemo({ logLevel: 'trace', logStream: { write: (line: string) => lines.push(line) } })
  ;({ token, cookie } = await demo.signIn())
})
afterAll(() => demo?.close())

let addresses = 0

/** Sends bytes as they are, and reads until the server closes, or has said nothing for a while: not if it is to close. */
function say(text: string): Promise<string> {
  const patience = text.includes('Connection: close\r\n') ? 10_000 : 100
  addresses += 1
  const localAddress = `127.2.${1 + Math.floor(addresses / 200)}.${1 + (addresses % 200)}`
  const { port } = new URL(demo.addresses.gateway)
  return new Promise((resolve) => {
    let said = ''
    let silence: NodeJS.Timeout
    const socket = connect(
      { host: '127.0.0.1', port: Number(port), servername: 'localhost', ca: demo.ca, localAddress } as never,
      () => socket.write(text, 'latin1'),
    )
    const done = (): void => {
      clearTimeout(silence)
      socket.destroy()
      resolve(said)
    }
    const wait = (milliseconds: number): void => {
      clearTimeout(silence)
      silence = setTimeout(done, milliseconds)
    }
    wait(10_000)
    socket.on('error', () => {}).on('close', done)
    socket.on('data', (part) => {
      said += part.toString('latin1')
      wait(patience)
    })
  })
}

const statuses = (said: string): number[] => [...said.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code))
const host = (): string => `Host: ${new URL(demo.addresses.gateway).host}\r\n`
const bearer = (): string => `Authorization: Bearer ${token}\r\n`
const json = 'Content-Type: application/json\r\n'
const body = '{"title":"a","body":"b"}'
const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
/** A request that nobody sent, if any server ever reads it as one. */
const hidden = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'
const post = (fields: string, rest: string, version = '1.1'): string =>
  `POST /posts HTTP/${version}\r\n${host()}${bearer()}${json}${fields}\r\n${rest}`

describe('a body', () => {
  it.each<[string, string, string]>([
    ['a length beside chunks', 'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${hidden}`],
    ['chunks beside a length', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `5c\r\n${hidden}\r\n0\r\n\r\n`],
    ['two lengths', `Content-Length: ${body.length}\r\nContent-Length: 1\r\n`, body],
    ['the same length twice', `Content-Length: ${body.length}\r\nContent-Length: ${body.length}\r\n`, body],
    ['a list of lengths', `Content-Length: ${body.length}, ${body.length}\r\n`, body],
    ['a length with a sign', `Content-Length: +${body.length}\r\n`, body],
    ['a length below zero', 'Content-Length: -1\r\n', body],
    ['a length in hexadecimal', 'Content-Length: 0x18\r\n', body],
    ['no length in its field', 'Content-Length:\r\n', body],
    ['a length and a space', `Content-Length : ${body.length}\r\n`, body],
    ['an unknown coding', 'Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${hidden}`],
    ['a coding that is no last one', 'Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${hidden}`],
    ['a coding nobody undoes', 'Transfer-Encoding: gzip, chunked\r\n', chunk],
    ['two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', chunk],
    ['a folded field', 'Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${hidden}`],
    ['a chunk that ends in a bare line feed', 'Transfer-Encoding: chunked\r\n', chunk.replaceAll('\r\n', '\n')],
    ['an extension that ends in one', 'Transfer-Encoding: chunked\r\n', chunk.replace('\r\n', ';a\n')],
    ['a chunk of 0x18', 'Transfer-Encoding: chunked\r\n', `0x${chunk}`],
    ['a chunk below zero', 'Transfer-Encoding: chunked\r\n', `-${chunk}`],
    ['a chunk past every number', 'Transfer-Encoding: chunked\r\n', `ffffffffffffffff${chunk}`],
    ['a field split by a bare line feed', `X-A: b\nContent-Length: ${body.length}\r\n`, body],
    ['a field split by a bare carriage return', `X-A: b\rContent-Length: ${body.length}\r\n`, body],
    ['U+0000 in a field', `X-A: a\0b\r\nContent-Length: ${body.length}\r\n`, body],
  ])('with %s is refused, once, and nothing after it is read', async (_what, fields, rest) => {
    expect(statuses(await say(post(fields, rest)))).toEqual([400])
  })

  it('in chunks is refused in HTTP/1.0', async () => {
    expect(statuses(await say(post('Transfer-Encoding: chunked\r\n', chunk, '1.0')))).toEqual([400])
  })

  it.each<[string, () => string, number[]]>([
    [
      'a refused stranger',
      () => `POST /transfer HTTP/1.1\r\n${host()}${json}Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
      [401],
    ],
    ['a body past its limit', () => post('Content-Length: 70000\r\n', hidden), [413]],
    [
      'a body where none may be',
      () => `POST /refresh HTTP/1.1\r\n${host()}Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
      [415],
    ],
    [
      'a GET',
      () => `GET /users/profile HTTP/1.1\r\n${host()}${bearer()}Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
      [400],
    ],
    [
      'a GET in chunks',
      () =>
        `GET /users/profile HTTP/1.1\r\n${host()}${bearer()}Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
      [400],
    ],
    [
      'a HEAD',
      () => `HEAD /users/profile HTTP/1.1\r\n${host()}${bearer()}Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
      [400],
    ],
  ])('of %s is never read as the next request', async (_whose, request, expected) => {
    expect(statuses(await say(request()))).toEqual(expected)
  })

  it('hid a request from nobody', () => {
    expect(lines.filter((line) => line.includes('smuggled'))).toEqual([])
  })
})

describe('a request', () => {
  it('may follow another on one connection, each under its own identity', async () => {
    const said = await say(
      `GET /users/profile HTTP/1.1\r\n${host()}${bearer()}\r\n` +
        `GET /users/profile HTTP/1.1\r\n${host()}\r\n` +
        `GET /accounts HTTP/1.1\r\n${host()}${bearer()}Connection: close\r\n\r\n`,
    )
    expect(statuses(said)).toEqual([200, 401, 200])
  })

  it.each<[string, string, number]>([
    ['two hosts', 'Host: evil.example\r\n', 400],
    ['two credentials, the second bad', 'Authorization: Bearer x\r\n', 400],
    ['a WebSocket in mind', 'Connection: Upgrade\r\nUpgrade: websocket\r\n', 501],
    ['its own fields named in Connection', 'Connection: authorization, x-forwarded-for, x-request-id, close\r\n', 200],
    [
      'identity in other spellings',
      'X_User_Id: 102\r\nX-User-Id: 102\r\nX-Forwarded-User: alice\r\nX-Internal-Token: x\r\n',
      200,
    ],
    [
      'another method in a field',
      'X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /accounts\r\nX-Rewrite-URL: /accounts\r\n',
      200,
    ],
  ])('with %s is answered as what it is', async (_what, fields, status) => {
    const said = await say(`GET /users/profile HTTP/1.1\r\n${host()}${bearer()}${fields}\r\n`)
    expect(statuses(said)).toEqual([status])
    if (status === 200) expect(said).toContain('"id":101')
  })

  it.each(['a, b', 'a b', '<a>', 'localhost:1@evil.example'])('for the host %j is refused', async (name) => {
    expect(statuses(await say(`GET /users/profile HTTP/1.1\r\nHost: ${name}\r\n${bearer()}\r\n`))).toEqual([400])
  })

  it('finds no way in by another spelling of a path', async () => {
    const targets = [
      '/api/profile',
      '/api/users',
      '/users/../api/users',
      '/users/%2e%2e/api/users',
      '/users/..;/api/users',
      '/posts/..%2f..%2fapi%2fusers/comments',
      '/posts/..%5c..%5capi/comments',
      String.raw`/posts/\..\/comments`,
      '/posts/%252e%252e/comments',
      '/posts/%c0%ae%c0%ae/comments',
      '/posts/%ef%bc%8e%ef%bc%8e/comments',
      '/posts/1%2f../comments',
      '/posts/1%00/comments',
      '/posts/1%0d%0aX-A:b/comments',
      '/posts/1;x/comments',
      '/posts/1.0/comments',
      '/posts/01/comments',
      '/posts/%d9%a1/comments',
      '//users/profile',
      '/users//profile',
      '/users/profile/',
      '/users/profile;x=1',
      '/users/profile%00',
      '/users/profile%20',
      '/users/profile.',
      '/USERS/PROFILE',
      '/users%2fprofile',
      '/users/profile#x',
      '/accounts?owner=102',
      '/accounts/1002',
      'https://user-service.local/api/users',
      'https://localhost?/users/profile',
      '*',
      'users/profile',
      '@127.0.0.1/',
    ]
    const found = await Promise.all(
      targets.map(async (target) => [
        target,
        ...statuses(await say(`GET ${target} HTTP/1.1\r\n${host()}${bearer()}\r\n`)),
      ]),
    )
    const ways = found.filter(([, ...answers]) => answers.length !== 1 || (answers[0] !== 400 && answers[0] !== 404))
    expect(ways).toEqual([])
  })
})

describe('an answer, and a line of the log', () => {
  const marker = 'mArKeR'
  const to = (path: string, text: string, fields = ''): string =>
    `POST ${path} HTTP/1.1\r\n${host()}${bearer()}${json}${fields}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  const get = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\n${host()}${bearer()}${fields}\r\n`

  it('echoes no part of a request', async () => {
    const requests = [
      `${marker} /x HTTP/1.1\r\n${host()}\r\n`,
      `GET /${marker} HTTP/1.1\r\n${host()}\r\n`,
      get(`/${marker}`),
      get(`/<script>${marker}</script>`),
      get(`/users?search=${marker}&sort=${marker}`),
      get(`/users?${marker}=1`),
      get(`/posts/${marker}/comments`),
      get(`/posts/${marker}%zz/comments`),
      get(`/posts/${marker.repeat(300)}/comments`),
      `GET / HTTP/${marker}\r\n${host()}\r\n`,
      `GET / HTTP/1.1\r\nHost: ${marker}\r\n\r\n`,
      get('/users/profile', `${marker} x: y\r\n`),
      get('/users/profile', `x: ${marker.repeat(3000)}\r\n`),
      `GET /users/profile HTTP/1.1\r\n${host()}Authorization: Bearer ${marker}\r\n\r\n`,
      `GET /users/profile HTTP/1.1\r\n${host()}Authorization: ${marker} x\r\n\r\n`,
      get('/users/profile', `Origin: https://${marker}.example\r\n`),
      get('/users?sort=x', `User-Agent: ${marker}\r\nReferer: https://${marker}/\r\nAccept: ${marker}/x\r\n`),
      get('/users?sort=x', `X-Request-Id: ${marker}\r\nTraceparent: 00-${marker}\r\nX-Forwarded-For: ${marker}\r\n`),
      get('/users/profile', `Connection: Upgrade\r\nUpgrade: ${marker}-websocket\r\n`),
      `OPTIONS /users HTTP/1.1\r\n${host()}Origin: ${demo.addresses.app}\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: ${marker}\r\n\r\n`,
      `POST /posts HTTP/1.1\r\n${host()}${bearer()}Content-Type: ${marker}/x\r\nContent-Length: 2\r\n\r\n{}`,
      to('/posts', `{"title":${marker}}`),
      to('/posts', `{"title":"a","body":"b","${marker}":"${marker}"}`),
      to('/transfer', `{"amount":"${marker}","toAccount":"${marker}"}`),
      to('/transfer', `{"__proto__":"${marker}"}`),
      to('/login', `{"username":"${marker}","password":"${marker}"}`),
      to('/register', `{"username":"${marker}","email":"${marker}","password":"${marker}"}`),
      to('/posts', '{}', `Expect: ${marker}\r\n`),
      post('Transfer-Encoding: chunked\r\n', `${marker}\r\n`),
      `POST /refresh HTTP/1.1\r\n${host()}Cookie: __Host-portcullis-refresh=${marker}; ${marker}=1\r\nContent-Length: 0\r\n\r\n`,
    ]
    const answers = await Promise.all(requests.map(say))
    const wrong = answers.flatMap((answer, index) =>
      /^HTTP\/1\.1 \d{3} /.test(answer) &&
      /nosniff/.test(answer) &&
      !answer.toLowerCase().includes(marker.toLowerCase())
        ? []
        : [[requests[index], answer]],
    )
    expect(wrong).toEqual([])
  })

  it('holds no secret', async () => {
    const secrets = ['correct-horse-7', token, cookie.split('=')[1] as string, 'battery-staple-8', 'opensesame', 'eyJ']
    const credentials = `Authorization: Basic ${Buffer.from('masum:opensesame').toString('base64')}\r\n`
    await say(`GET /users/profile HTTP/1.1\r\n${host()}${credentials}\r\n`)
    await say(get(`/users/profile?access_token=${token}`))
    await say(get(`/nothing?access_token=${token}&password=opensesame`))
    await say(get('/users/profile', `X-Api-Key: opensesame\r\nCookie: ${cookie}\r\nReferer: https://x/?t=${token}\r\n`))
    await say(to('/login', '{"username":"alice","password":"battery-staple-8"}'))
    await say(to('/login', '{"username":"alice","password":"battery-staple-8","x":1}'))
    await say(to('/login', '{"username":"alice","password":"battery-staple-8'))
    await say(to('/register', '{"username":"Alice","email":"a@example.com","password":"battery-staple-8"}'))
    await demo.call('GET', `/users/profile?access_token=${token}`, {
      at: demo.addresses.plaintext,
      headers: { cookie },
    })
    await demo.call('POST', '/refresh', { headers: { cookie } })
    await demo.sql(`update portcullis_issuer.refresh_tokens set used_at = used_at - interval '11 seconds'`)
    await demo.call('POST', '/refresh', { headers: { cookie } })

    expect(lines.length).toBeGreaterThan(100)
    const told = [...secrets, 'BEGIN ', 'postgres://', '$argon2'].filter((secret) =>
      lines.some((line) => line.includes(secret)),
    )
    expect(told).toEqual([])
    // What is told: that a cookie came back, and that a credential crossed the network in the clear.
    expect(lines.some((line) => line.includes('issuer.reused'))).toBe(true)
    expect(lines.some((line) => line.includes('https.credential-exposed'))).toBe(true)
  })
})
