import Fastify, {
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  type FastifyTypeProvider,
  type RouteSecurity,
} from 'fastify'
import { describe, expectTypeOf, it } from 'vitest'
import csrf, { clearToken, type CsrfOptions, type CsrfRoute, csrfToken, rotateToken, sendToken } from '../src/index.ts'

describe('the types of @portcullis/csrf', () => {
  it('make it a plugin with its own options', () => {
    expectTypeOf(csrf).toEqualTypeOf<FastifyPluginAsync<CsrfOptions>>()
  })

  it('know its policy on a route, which has no keys of its own', () => {
    expectTypeOf<RouteSecurity['csrf']>().toEqualTypeOf<CsrfRoute | false | undefined>()
    // @ts-expect-error: a misspelt key
    void ({ csrf: { orgins: [] } } satisfies RouteSecurity)
    // @ts-expect-error: keys belong to the registration
    void ({ csrf: { secrets: [] } } satisfies RouteSecurity)
  })

  it('want origins', () => {
    // @ts-expect-error: whose pages may change state is nobody else's to say
    void ({} satisfies CsrfOptions)
  })

  it('hand tokens out as text', () => {
    expectTypeOf(csrfToken).toBeCallableWith({} as FastifyRequest, {} as FastifyReply)
    expectTypeOf(csrfToken).returns.toBeString()
    expectTypeOf(rotateToken).returns.toBeString()
  })

  it('work on every server and with every type provider', () => {
    interface Provider extends FastifyTypeProvider {
      validator: { amount: string }
      serializer: { csrf_token: string }
    }
    const second = Fastify({ http2: true, https: {} })
    second.get('/', sendToken)
    second.post('/', (request, reply) => {
      clearToken(request, reply)
      reply.send({ csrf_token: rotateToken(request, reply) })
    })
    const typed = Fastify().withTypeProvider<Provider>()
    const schema = { body: {}, response: { 200: {} } }
    typed.get('/', { schema }, sendToken)
    typed.post('/', { schema }, (request, reply) => {
      reply.send({ csrf_token: csrfToken(request, reply) })
    })
    typed.get<{ Reply: { 200: { csrf_token: string } } }>('/own', sendToken)
  })
})
