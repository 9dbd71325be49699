import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import compress from '@fastify/compress'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import xss from '@portcullis/xss'
import Fastify from 'fastify'
import { afterAll, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('documents of other plugins leave where a prefix says so, compressed too, and not elsewhere', async () => {
  for (const [name, text] of Object.entries({ 'a.html': '<b>', 'a.svg': '<svg/>', 'a.txt': 'text', 'a.js': '1' }))
    writeFileSync(join(folder, name), text)
  const app = Fastify()
  await app.register(xss, { routes: [{ prefix: '/docs', policy: { html: true, svg: true, javascript: true } }] })
  await app.register(compress, { global: true, threshold: 0 })
  await app.register(swagger, { openapi: { info: { title: 'Orders', version: '1' } } })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  await app.register(fastifyStatic, { root: folder, prefix: '/uploads/' })
  const outcome = async (url: string): Promise<unknown[]> => {
    const { statusCode, headers } = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })
    return [statusCode, headers['content-type']]
  }
  expect(await outcome('/docs')).toEqual([200, 'text/html; charset=utf-8'])
  expect(await outcome('/docs/json')).toEqual([200, 'application/json; charset=utf-8'])
  expect((await outcome('/docs/static/swagger-ui-bundle.js'))[0]).toBe(200)
  for (const file of ['a.html', 'a.svg', 'a.js']) expect((await outcome(`/uploads/${file}`))[0]).toBe(500)
  expect(await outcome('/uploads/a.txt')).toEqual([200, 'text/plain; charset=utf-8'])
  await app.close()
})
