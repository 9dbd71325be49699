import { cpSync, mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import Fastify from 'fastify'
import { afterAll, expect, it } from 'vitest'

// Nothing here imports the kernel before the first app exists.
const early = Fastify()
const base = join(import.meta.dirname, '../.portcullis')
mkdirSync(base, { recursive: true })
const folder = mkdtempSync(join(base, 'copy-'))
cpSync(join(import.meta.dirname, '../src'), folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const first = await import('../src/index.ts')
const second = (await import(/* @vite-ignore */ pathToFileURL(join(folder, 'index.ts')).href)) as typeof first

const room = (kernel: typeof first, concern: string, status?: number) => {
  const events = kernel.defineEvents({ 'auth.failed': { severity: 'warning', meaning: 'x' } })
  const errors = kernel.defineErrors({
    PTC_COPY: { status: status ?? 500, sentence: 'No.', event: events['auth.failed'], meaning: 'x' },
  })
  return kernel.defineRoom({
    concern,
    optionsSchema: { type: 'object', additionalProperties: false },
    setup: () => ({
      compile: () => ({
        onRequest(_request, reply) {
          reply.header(`x-${concern}`, '1')
          return status === undefined ? undefined : errors.PTC_COPY
        },
      }),
    }),
  })
}

it('lets rooms of two copies of the kernel share one chain and one set of events', async () => {
  expect(second.defineRoom).not.toBe(first.defineRoom)
  for (const [one, other] of [
    [first, second],
    [second, first],
  ] as const) {
    const heard: unknown[] = []
    const app = Fastify()
    other.onSecurityEvent(app, ({ type, outcome }) => heard.push([type, outcome]))
    app.register(room(other, 'auth', 403))
    app.register(room(one, 'headers'))
    app.register(room(other, 'cors'))
    const response = await app.inject('/')
    expect(response.statusCode).toBe(403)
    expect(response.headers).toMatchObject({ 'x-headers': '1', 'x-cors': '1', 'x-auth': '1' })
    expect(response.json().code).toBe('PTC_COPY')
    expect(heard).toEqual([['auth.failed', 'denied']])
    expect(one.describeSecurity(app)).toEqual(other.describeSecurity(app))
  }
})

it('refuses an app that was created before the kernel was imported', async () => {
  await expect(early.register(room(first, 'headers'))).rejects.toMatchObject({ code: 'PTC_KERNEL_IMPORTED_LATE' })
})

it('leaves apps without rooms as they were', async () => {
  const app = Fastify()
  app.get('/', async (request) => ({ security: request.security === undefined }))
  expect((await app.inject('/')).json()).toEqual({ security: true })
  expect((await app.inject('/nowhere')).json().message).toBe('Route GET:/nowhere not found')
})
