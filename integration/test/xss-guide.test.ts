import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, expect, it } from 'vitest'

const folder = join(import.meta.dirname, '../.portcullis-xss')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('the guide "Cross-site scripting" runs when pasted', async () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/cross-site-scripting.md'), 'utf8')
  const code = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  expect(code).toHaveLength(5)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${randomUUID()}.ts`)
  writeFileSync(file, `${code.join('\n')}\nexport { app, refused }\n`)
  const { app, refused } = (await import(/* @vite-ignore */ file)) as { app: FastifyInstance; refused: string[] }
  app.get('/forgotten', (_request, reply) => reply.type('text/html').send('<script>alert(1)</script>'))

  const author = '"><img src=x onerror=alert(1)>'
  const text = '<b onclick=alert(1)>bold</b><script>alert(1)</script>'
  const posted = await app.inject({ method: 'POST', url: '/comments', payload: { author, text } })
  expect(posted.statusCode).toBe(201)
  expect((await app.inject('/comments')).json()).toEqual([{ author, text: '<b>bold</b>' }])
  const page = await app.inject('/')
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': expect.stringContaining("'strict-dynamic'"),
  })
  expect(page.body).toContain('<b>bold</b>')
  expect(page.body).not.toMatch(/<img|<script|onclick/)
  const saved = await app.inject('/files/cv')
  expect([saved.headers['content-type'], saved.headers['content-disposition']]).toEqual([
    'application/octet-stream',
    'attachment; filename="cv.html"',
  ])
  expect((await app.inject('/files/none')).statusCode).toBe(404)
  expect((await app.inject('/forgotten')).statusCode).toBe(500)
  expect(refused).toEqual(['undeclared html'])
  await app.close()
})
