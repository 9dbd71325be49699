import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { guarded } from './apps.ts'

describe('a form', () => {
  const FORM = 'application/x-www-form-urlencoded'
  const order = {
    type: 'object',
    additionalProperties: false,
    properties: {
      pieces: { type: 'integer', minimum: 1, maximum: 9 },
      gift: { type: 'boolean' },
      tags: { type: 'array', maxItems: 3, items: { type: 'string', maxLength: 9 } },
    },
  }
  const parse = (app: FastifyInstance): void => {
    app.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, text, done) =>
      done(null, Object.fromEntries(new URLSearchParams(text as string))),
    )
  }
  const send = (app: FastifyInstance, payload: object) => app.inject({ method: 'POST', url: '/both', payload })
  const fill = (app: FastifyInstance, payload: string, url = '/') =>
    app.inject({ method: 'POST', url, headers: { 'content-type': FORM }, payload })

  it('becomes what its schema names, if it spells it, where a route takes nothing else or describes it by itself', async () => {
    const app = await guarded({ mediaTypes: [FORM] })
    parse(app)
    app.post('/', { schema: { body: order } }, async ({ body }) => body)
    app.post(
      '/both',
      { schema: { body: { content: { [FORM]: { schema: order }, 'application/json': { schema: order } } } } },
      async ({ body }) => body,
    )
    for (const url of ['/', '/both']) {
      expect((await fill(app, 'pieces=5&gift=true&tags=a', url)).json()).toEqual({ pieces: 5, gift: true, tags: ['a'] })
      for (const pieces of ['0x5', '1e0', 'five', '10', '']) {
        const { statusCode } = await fill(app, `pieces=${pieces}`, url)
        expect([pieces, statusCode]).toEqual([pieces, 400])
      }
    }
    expect((await send(app, { pieces: '5' })).statusCode).toBe(400)
    expect((await send(app, { pieces: 5 })).json()).toEqual({ pieces: 5 })
  })

  it('stays text where one schema is for JSON too', async () => {
    const app = await guarded({ mediaTypes: [FORM, 'application/json'] })
    parse(app)
    app.post('/', { schema: { body: order } }, async ({ body }) => body)
    expect((await fill(app, 'pieces=5')).statusCode).toBe(400)
  })
})
