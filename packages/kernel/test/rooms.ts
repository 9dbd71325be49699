import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { defineErrors, defineEvents, defineRoom, type Refusal, type RoomOptions, type Steps } from '../src/index.ts'

/** Small rooms to try the kernel with. */
export const events = defineEvents({
  'auth.failed': { severity: 'warning', meaning: 'refused' },
  'rate-limit.exceeded': { severity: 'info', meaning: 'too many' },
})

const table = {
  PTC_TEST_REFUSED: { status: 401, sentence: 'No.', event: events['auth.failed'], meaning: 'always' },
  PTC_TEST_LIMITED: { status: 429, sentence: 'Slow down.', event: events['rate-limit.exceeded'], meaning: 'limits' },
} as const
export const errors = defineErrors(table)

export interface MarkOptions extends RoomOptions {
  value?: string
  list?: string[]
  nested?: { a?: number; b?: number }
}

const markProperties = {
  value: { type: 'string', description: 'What the field says.', examples: ['b'] },
  list: { type: 'array', items: { type: 'string' }, description: 'Some names.', examples: [['x']] },
  nested: {
    type: 'object',
    additionalProperties: false,
    description: 'Numbers.',
    examples: [{ a: 1 }],
    properties: { a: { type: 'integer', minimum: 0, examples: [1] }, b: { type: 'integer', examples: [1] } },
  },
} as const

/** A room of the given concern that writes its policy into `x-<concern>` and lists itself in `x-order`. */
export function marking(
  concern: string,
  steps: (value: string) => Steps = () => ({}),
): FastifyPluginAsync<MarkOptions> {
  return defineRoom<MarkOptions>({
    concern,
    optionsSchema: {
      type: 'object',
      additionalProperties: false,
      properties: { ...markProperties, value: { ...markProperties.value, default: 'default' } },
    },
    routeSchema: { type: 'object', additionalProperties: false, properties: markProperties },
    errors,
    events,
    setup: () => ({
      compile: (policy) => ({
        onRequest: (request, reply) => mark(concern, policy, reply, request),
        ...steps(policy.value ?? ''),
      }),
      earlyFields: () => ({ [`x-${concern}`]: 'early' }),
    }),
  })
}

function mark(concern: string, policy: MarkOptions, reply: FastifyReply, _request: FastifyRequest): void {
  const { value, list, nested } = policy
  reply.header(
    `x-${concern}`,
    list === undefined && nested === undefined ? value : JSON.stringify({ value, list, nested }),
  )
  const order = reply.getHeader('x-order')
  reply.header('x-order', order === undefined ? concern : `${String(order)} ${concern}`)
}

/** A room that refuses every request with the given refusal. */
export function refusing(concern: string, refusal: Refusal = errors.PTC_TEST_REFUSED): FastifyPluginAsync<RoomOptions> {
  return defineRoom<RoomOptions>({
    concern,
    optionsSchema: { type: 'object', additionalProperties: false, properties: {} },
    routeSchema: { type: 'object', additionalProperties: false, properties: {} },
    setup: () => ({ compile: () => ({ onRequest: () => refusal }) }),
  })
}

/** `config.security` for routes of these tests: their concerns have no types. */
export const policy = (security: object): { config: never } => ({ config: { security } as never })
