import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { afterAll, expect, it } from 'vitest'

const folder = join(import.meta.dirname, '../dist/validation-guide')
const opened: FastifyInstance[] = []
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await Promise.all(opened.map((app) => app.close()))
})

/** The TypeScript blocks of the guide, pasted one behind the other. */
async function pasted(): Promise<FastifyInstance> {
  const text = readFileSync(join(import.meta.dirname, '../../docs/guides/unvalidated-input.md'), 'utf8')
  const code = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block).join('\n')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'pasted.ts')
  writeFileSync(file, `${code}\nexport { app }\n`)
  const { app } = (await import(/* @vite-ignore */ file)) as { app: FastifyInstance }
  opened.push(app)
  return app
}

it('the guide "Unvalidated input" runs when pasted, and holds what it says', async () => {
  const app = await pasted()
  const user = '/users/a3bb189e-8bf9-3888-9912-ace4e6543002'
  const json = { 'content-type': 'application/json' }
  const patch = (payload: string | Buffer, url = user, headers: Record<string, string> = json) =>
    app.inject({ method: 'PATCH', url, headers, payload })

  expect((await patch('{"name":"a","age":42}')).json()).toEqual({ name: 'a', age: 42 })
  const refused = [
    await patch('{"name":"a","role":"admin"}'),
    await patch('{"name":"a","age":"42"}'),
    await patch('{"name":"a","name":"b"}'),
    await patch('{"name":"a"}', `${user}?name=x&name=../y`),
    await patch('{"name":"a"}', '/users/1'),
    await patch('{"name":"a"}', `/users/${encodeURIComponent('../etc')}`),
    await patch('['.repeat(100_000)),
  ]
  expect(refused.map(({ statusCode }) => statusCode)).toEqual(refused.map(() => 400))
  const bomb = gzipSync(Buffer.alloc(50_000_000, ' '))
  expect((await patch(bomb, user, { ...json, 'content-encoding': 'gzip' })).statusCode).toBe(413)
  const put = (payload: string) => app.inject({ method: 'PUT', url: '/documents/a%2fb', headers: json, payload })
  expect((await put('{"name":"a"}')).json()).toEqual({ stored: 'a/b' })
  expect((await put(`{"name":${'['.repeat(9)}`)).statusCode).toBe(400)
})
