import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { app as example } from '../example.ts'
import __camel__, { type __Concern__Options } from '../src/index.ts'

const opened: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()))
})

async function guarded(options: __Concern__Options = {}): Promise<FastifyInstance> {
  const app = Fastify()
  opened.push(app)
  await app.register(__camel__, options)
  app.get('/', async () => 'through')
  app.get('/off', { config: { security: { __camel__: false } } }, async () => 'through')
  app.get('/own', { config: { security: { __camel__: { fields: ['x-own'] } } } }, async () => 'through')
  return app
}

describe('@portcullis/__concern__', () => {
  it('lets a request without forbidden fields through', async () => {
    const app = await guarded()
    expect((await app.inject({ url: '/', headers: { 'x-other': '1' } })).body).toBe('through')
  })

  it('answers a problem when a forbidden field is present', async () => {
    const app = await guarded()
    const answer = await app.inject({ url: '/', headers: { 'x-original-url': '/admin' } })
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toEqual({
      error: 'The request carries a header field that is not accepted.',
      code: 'PTC___CONCERN___FIELD_REFUSED',
      status: 400,
      title: 'Bad Request',
    })
  })

  it('raises an event that names the field', async () => {
    const app = await guarded()
    const seen: SecurityEvent[] = []
    onSecurityEvent(app, (event) => void seen.push(event))
    await app.inject({ url: '/', headers: { 'x-rewrite-url': '' } })
    expect(seen).toMatchObject([{ type: '__concern__.rejected', outcome: 'denied', detail: { field: 'x-rewrite-url' } }])
  })

  it('lets everything through under reportOnly, and raises the event as observed', async () => {
    const app = await guarded({ reportOnly: true })
    const seen: SecurityEvent[] = []
    onSecurityEvent(app, (event) => void seen.push(event))
    expect((await app.inject({ url: '/', headers: { 'x-original-url': '/admin' } })).body).toBe('through')
    expect(seen).toMatchObject([{ type: '__concern__.rejected', outcome: 'observed' }])
  })

  it.each([
    ['/off', 'x-original-url', 200],
    ['/own', 'x-original-url', 200],
    ['/own', 'x-own', 400],
  ])('gives %s with %s the status that its route asks for', async (url, field, status) => {
    const app = await guarded()
    expect((await app.inject({ url, headers: { [field]: '1' } })).statusCode).toBe(status)
  })

  it('has an example that boots and refuses', async () => {
    opened.push(example)
    expect((await example.inject({ url: '/' })).json()).toEqual({ hello: 'world' })
    expect((await example.inject({ url: '/strict', headers: { 'x-forwarded-prefix': '/' } })).statusCode).toBe(400)
  })
})
