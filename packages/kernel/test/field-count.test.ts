import Fastify from 'fastify'
import { expect, it } from 'vitest'
import { serverOptions } from '../src/index.ts'
import { marking } from './rooms.ts'

/** As many fields as Node keeps at most, of which nobody knows how many there were. */
const most = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`x-${at}`, '1']))
const { 'x-0': _one, 'x-1': _two, 'x-2': _three, ...fewer } = most

it('a request with more fields than are read is refused in the whole app, with the fields of the scope that it is for', async () => {
  const app = Fastify({ ...serverOptions(), logger: false })
  const headers = marking('headers')
  await app.register(
    async (scope) => {
      await scope.register(headers)
      scope.get('/', async () => 'in')
      await scope.register(async (inner) => void inner.get('/inner', async () => 'in'))
    },
    { prefix: '/in' },
  )
  await app.register(async (scope) => void scope.get('/', async () => 'beside'), { prefix: '/beside' })
  const ask = async (url: string, fields: Record<string, string>): Promise<string> => {
    const { statusCode, headers: answered } = await app.inject({ url, headers: fields })
    return `${url} ${statusCode} ${String(answered['x-headers'])}`
  }
  expect(await Promise.all(['/in', '/in/inner', '/beside'].map((url) => ask(url, fewer)))).toEqual([
    '/in 200 default',
    '/in/inner 200 default',
    '/beside 200 undefined',
  ])
  expect(await Promise.all(['/in', '/in/inner', '/beside'].map((url) => ask(url, most)))).toEqual([
    '/in 431 default',
    '/in/inner 431 default',
    '/beside 431 undefined',
  ])
  await app.close()
})
