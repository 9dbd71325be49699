import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import Fastify, { type FastifyPluginAsync, type RouteSecurity } from 'fastify'
import { describe, expectTypeOf, it } from 'vitest'
import xss, {
  attachment,
  hijack,
  html,
  type SafeHtml,
  sanitizeHtml,
  type XssOptions,
  type XssRoute,
} from '../src/index.ts'

describe('the types of @portcullis/xss', () => {
  it('make it a plugin with its own options', () => {
    expectTypeOf(xss).toEqualTypeOf<FastifyPluginAsync<XssOptions>>()
  })

  it('know its policy on a route', () => {
    expectTypeOf<RouteSecurity['xss']>().toEqualTypeOf<XssRoute | false | undefined>()
    // @ts-expect-error: a misspelt key
    void ({ xss: { htlm: true } } satisfies RouteSecurity)
  })

  it('give back the reply that they were given, over HTTP/2 and typed by a schema too', () => {
    Fastify({ http2: true }).get('/', (_request, reply) => {
      expectTypeOf(attachment(reply)).toEqualTypeOf(reply)
      expectTypeOf(hijack(reply)).toEqualTypeOf<Http2ServerResponse>()
    })
    Fastify().get<{ Reply: { 200: Buffer } }>('/', (_request, reply) => {
      expectTypeOf(attachment(reply)).toEqualTypeOf(reply)
      expectTypeOf(hijack(reply)).toEqualTypeOf<ServerResponse>()
    })
  })

  it('tell HTML that is safe from text', () => {
    expectTypeOf(html`<p>${'text'}</p>`).toEqualTypeOf<SafeHtml>()
    expectTypeOf(sanitizeHtml('<b>')).toEqualTypeOf<string>()
    // @ts-expect-error: nobody but the template makes it
    const forged: SafeHtml = { toString: () => '<b>' }
    void forged
  })
})
