import { createConnection, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { apiKey, apiKeys, guarded, type Guarded, jwt } from './apps.ts'
import { token } from './forge.ts'

let guard: Guarded
beforeAll(async () => {
  guard = await guarded({ jwt, apiKeys, basic: { verify: (subject) => ({ subject }) } })
  await guard.app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(() => guard.app.close())

/** The status of GET with header lines as given, byte for byte: clients and inject tidy them up. */
function statusOf(lines: string, path = '/any'): Promise<number> {
  const { port } = guard.app.server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    let answer = ''
    createConnection(port, '127.0.0.1')
      .on('error', reject)
      .on('data', (chunk) => (answer += chunk.toString('latin1')))
      .on('close', () => resolve(Number(answer.slice(9, 12))))
      .end(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n${lines}Connection: close\r\n\r\n`, 'latin1'))
  })
}

const good = token()
const bearer = `Bearer ${good}`

it.each<[status: number, name: string, lines: string]>([
  [200, 'with blanks around it', `Authorization: \t Bearer   ${good} \t \r\n`],
  [401, 'behind a tab', `Authorization: Bearer\t${good}\r\n`],
  [401, 'behind a no-break space', `Authorization: Bearer\xa0${good}\r\n`],
  [401, 'with a scheme behind a no-break space', `Authorization: \xa0${bearer}\r\n`],
  [401, 'before a next-line character', `Authorization: ${bearer}\x85\r\n`],
  [401, 'before a comma', `Authorization: ${bearer},\r\n`],
  [401, 'twice in one field', `Authorization: ${bearer}, ${bearer}\r\n`],
  [401, 'behind two schemes', `Authorization: Bearer ${bearer}\r\n`],
  [401, 'in quotes', `Authorization: Bearer "${good}"\r\n`],
  [401, 'as a parameter', `Authorization: Bearer token=${good}\r\n`],
  [400, 'on a folded line', `Authorization: Bearer\r\n ${good}\r\n`],
  [400, 'in a field with a space behind its name', `Authorization : ${bearer}\r\n`],
  [400, 'behind an empty field', `Authorization:\r\nAuthorization: ${bearer}\r\n`],
  [400, 'before an empty field', `Authorization: ${bearer}\r\nAUTHORIZATION:\r\n`],
  [401, 'in a cookie', `Cookie: token=${good}; Authorization=${bearer}\r\n`],
  [401, 'for a proxy', `Proxy-Authorization: ${bearer}\r\n`],
  [401, 'in a field of a similar name', `X-Authorization: ${bearer}\r\nAuthorization_: ${bearer}\r\n`],
  [400, 'beside a key', `Authorization: ${bearer}\r\nX-API-Key: ${apiKey}\r\n`],
  [400, 'under two lengths', `Authorization: ${bearer}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n`],
])('answers %i to a token %s', async (status, _name, lines) => {
  expect(await statusOf(lines)).toBe(status)
})

it.each<[status: number, name: string, lines: string]>([
  [200, 'with blanks around it', `x-api-key: \t ${apiKey} \t\r\n`],
  [401, 'twice in one field', `x-api-key: ${apiKey}\t${apiKey}\r\n`],
  [401, 'behind an empty field', `x-api-key:\r\nx-api-key: ${apiKey}\r\n`],
])('answers %i to a key %s', async (status, _name, lines) => {
  expect(await statusOf(lines)).toBe(status)
})

it.each([
  '/any/',
  '//any',
  '/ANY',
  '/%61ny',
  '/any;x',
  '/open/../any',
  '/open%2f..%2fany',
  '/open/%2e%2e/any',
  '*',
  'http://x/any',
  '/nope',
])('opens no way around by %s', async (path) => {
  expect(await statusOf('', path)).toBe(401)
})
