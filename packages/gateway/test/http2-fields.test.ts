import { serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { beforeAll, expect, it } from 'vitest'
import { type RawRequest, sayFrames } from './http2-frames.ts'
import { authority } from './stage.ts'
import { watch, type Watched } from './watched.ts'
import { startRecorder } from './wire.ts'

const SMUGGLED = 'GET /admin HTTP/1.1\r\nhost: a\r\n\r\n'
type Fields = RawRequest['fields']
const get: Record<string, string> = {
  ':method': 'GET',
  ':scheme': 'https',
  ':authority': 'gateway.local',
  ':path': '/public/x',
}
const post = { ...get, ':method': 'POST' }
const make = (base: Record<string, string>, change: Record<string, string | undefined>): Fields =>
  Object.entries({ ...base, ...change }).filter((one): one is [string, string] => one[1] !== undefined)

let watched: Watched
let ca: string
beforeAll(async () => {
  const own = await authority()
  ca = own.ca
  const app = Fastify(serverOptions({ http2: true, https: await own.issue('gateway.local') }))
  watched = await watch(app as unknown as FastifyInstance, await startRecorder())
  return () => watched.close()
})

async function say(request: RawRequest) {
  const { told, arrivals } = await watched.arrivalsOf(() => sayFrames(watched.port, ca, request))
  return { ...told, arrivals }
}

const withBody = (change: Record<string, string | undefined>, body = 'hello'): RawRequest => ({
  fields: make(post, change),
  body,
})
const without = (name: string): Fields => make(get, { [name]: undefined })

it.each<[string, RawRequest]>([
  ...[`GET /admin HTTP/1.1\r\nhost: a\r\n\r\nGET`, 'GET /admin', 'GET\r\n', 'GE\0T'].map(
    (value): [string, RawRequest] => [`the method ${value}`, { fields: make(get, { ':method': value }) }],
  ),
  ...[
    `/public/x HTTP/1.1\r\nhost: a\r\n\r\n${SMUGGLED}`,
    '/public/x y',
    '/public/x\ny',
    '/public/x\0',
    '/public/x#y',
    '/public/\xe9',
    'public/x',
    '',
    '*',
    '//b/public/x',
    'https://b/public/x',
    'https://gateway.local/public/x',
    '/admin',
    '/public/../admin',
    '/public/%2e%2e/admin',
  ].map((value): [string, RawRequest] => [`the path ${value}`, { fields: make(get, { ':path': value }) }]),
  ...['a\r\nx-user-id: 1', 'u@a', 'a/b', 'a b', 'a,b', 'a;b', 'a%41', '(a)', 'a:123456'].map(
    (value): [string, RawRequest] => [`the authority ${value}`, { fields: make(get, { ':authority': value }) }],
  ),
  ...[':method', ':path', ':scheme', ':authority'].map((name): [string, RawRequest] => [
    `no ${name}`,
    { fields: without(name) },
  ]),
  ...[':method', ':path', ':scheme', ':authority'].map((name): [string, RawRequest] => [
    `${name} twice`,
    { fields: [...make(get, {}), [name, get[name] as string]] },
  ]),
  ['the scheme of another field', { fields: make(get, { ':scheme': 'https\r\nx: y' }) }],
  ['a pseudo-field after the fields', { fields: [...without(':path'), ['accept', 'a'], [':path', '/public/x']] }],
  ['an unknown pseudo-field', { fields: make(get, { ':x': 'y' }) }],
  ["an answer's pseudo-field", { fields: make(get, { ':status': '200' }) }],
  ['a Host field that is another', { fields: make(get, { host: 'b' }) }],
  ['two Host fields', { fields: [...without(':authority'), ['host', 'a'], ['host', 'b']] }],
  ['a Host field that is none', { fields: [...without(':authority'), ['host', 'a/b@c']] }],
  ['an extended CONNECT', { fields: make(get, { ':method': 'CONNECT', ':protocol': 'websocket' }) }],
  ['CONNECT', { fields: make({}, { ':method': 'CONNECT', ':authority': 'a:80' }) }],
  ...['TRACE', 'GETX', 'get', 'PRI'].map((value): [string, RawRequest] => [
    `the method ${value}`,
    { fields: make(get, { ':method': value }) },
  ]),
  ['Transfer-Encoding and a body', withBody({ 'transfer-encoding': 'chunked' }, `0\r\n\r\n${SMUGGLED}`)],
  ['Transfer-Encoding', { fields: make(get, { 'transfer-encoding': 'chunked' }) }],
  ...['connection', 'keep-alive', 'proxy-connection', 'upgrade', 'te', 'Accept'].map((name): [string, RawRequest] => [
    `the field ${name}`,
    { fields: make(get, { [name]: 'gzip' }) },
  ]),
  ['a body past its length', withBody({ 'content-length': '3' }, `abc${SMUGGLED}`)],
  ['a body of length 0', withBody({ 'content-length': '0' }, SMUGGLED)],
  ['a body short of its length', withBody({ 'content-length': '100' })],
  ['a length and no body', { fields: make(post, { 'content-length': '5' }) }],
  ...['+5', '-5', '5, 5', '5 5', '0x5', ''].map((length): [string, RawRequest] => [
    `the length ${length}`,
    withBody({ 'content-length': length }),
  ]),
  ...['5', '6'].map((length): [string, RawRequest] => [
    `the lengths 5 and ${length}`,
    { fields: [...make(post, { 'content-length': '5' }), ['content-length', length]], body: 'hello' },
  ]),
  ...[':path', 'content-length', 'transfer-encoding', 'connection'].map((name): [string, RawRequest] => [
    `trailers with ${name}`,
    { ...withBody({}), trailers: [[name, '/admin']] },
  ]),
])('nothing arrives of a request with %s', async (_what, request) => {
  expect((await say(request)).arrivals).toEqual([])
})

it.each([
  ...['a\r\nx-user-id: 1', 'a\nb', 'a\rb', 'a\0b', `a\r\n\r\n${SMUGGLED}`].map((value) => ['accept', value]),
  ...['accept: a\r\nx-user-id', 'accept:x', 'accept ', ''].map((name) => [name, '1']),
  ...['http2-settings', 'x-user-id', 'x_forwarded_for', 'authorization-x'].map((name) => [name, 'x']),
  ['te', 'trailers'],
] as [string, string][])('the field %j: %j stays behind', async (name, value) => {
  const { arrivals } = await say({ fields: make(get, { [name]: value }) })
  expect(arrivals).toMatchObject([{ method: 'GET', target: '/store/x', body: '' }])
  const names = arrivals[0]?.fields.map(([one]) => one)
  expect(names).not.toContain(name.trim())
  expect(names).not.toContain('x-user-id')
})

// RFC 9113 §8.2.1: such a request is malformed. Node refuses it, or (22) leaves the field out: frames tell where a body ends.
it.each([' 5', '5 ', '\t5', ' 3', ' 9', ' '])('the length %j, which is none, misleads nobody', async (length) => {
  const { how, arrivals } = await say(withBody({ 'content-length': length }))
  expect(arrivals.map(({ target, body }) => [target, body])).toEqual(how === 'answered' ? [['/store/x', 'hello']] : [])
  const lengths = arrivals.flatMap(({ fields }) => fields.filter(([name]) => name === 'content-length'))
  expect(lengths.filter(([, value]) => value !== '5')).toEqual([])
})

it('a value passes with every byte that a value may have', async () => {
  const { arrivals } = await say({ fields: make(get, { accept: 'a\t!~\xff' }) })
  expect(arrivals[0]?.fields).toContainEqual(['accept', 'a\t!~\xff'])
})

it('a body needs no length and no type', async () => {
  expect((await say(withBody({}, SMUGGLED))).arrivals).toMatchObject([{ method: 'POST', body: SMUGGLED }])
  expect((await say({ fields: make(post, {}) })).arrivals).toMatchObject([{ method: 'POST', body: '' }])
  expect((await say(withBody({}, ''))).arrivals).toMatchObject([{ method: 'POST', body: '' }])
})

it('trailers stay behind', async () => {
  const { arrivals } = await say({ ...withBody({}), trailers: [['x-user-id', '1']] })
  expect(arrivals).toMatchObject([{ method: 'POST', body: 'hello' }])
  expect(JSON.stringify(arrivals)).not.toContain('x-user-id')
})

it.each([{}, { 'content-length': String(SMUGGLED.length) }])('a body of GET stays behind, with %j', async (fields) => {
  const { arrivals } = await say({ fields: make(get, fields), body: SMUGGLED })
  expect(arrivals).toMatchObject([{ method: 'GET', body: '' }])
  expect(arrivals[0]?.fields.map(([name]) => name)).not.toContain('content-length')
})
