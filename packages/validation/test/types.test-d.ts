import { Type } from '@sinclair/typebox'
import Fastify, { type FastifyPluginAsync, type RequestSecurity, type RouteSecurity } from 'fastify'
import { z } from 'zod'
import type validation from '../src/index.ts'
import type { PathFault, ValidationOptions } from '../src/index.ts'
import type { ValidationRoute, ValidationTypeProvider } from '../src/index.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => undefined

same<typeof validation, FastifyPluginAsync<ValidationOptions>>(true)
same<RouteSecurity['validation'], ValidationRoute | false | undefined>(true)
same<RequestSecurity['pathFault'], PathFault | null | undefined>(true)

void ({ validation: { json: { depth: 4 }, empty: ['query'] } } satisfies RouteSecurity)
void ({ validation: false } satisfies RouteSecurity)
// @ts-expect-error a misspelt key
void ({ validation: { jsn: {} } } satisfies RouteSecurity)
// @ts-expect-error a fault that none may admit
void ({ admitInPath: ['dot-segment'] } satisfies ValidationOptions)

const typed = Fastify().withTypeProvider<ValidationTypeProvider>()
const body = {
  type: 'object',
  additionalProperties: false,
  required: ['title'],
  properties: {
    title: { type: 'string' },
    tags: { type: 'array', items: { enum: ['a', 'b'] } },
    count: { type: 'integer' },
  },
} as const
typed.post('/json', { schema: { body } }, async (request) => {
  const { title, tags, count } = request.body
  same<typeof title, string>(true)
  same<typeof tags, ('a' | 'b')[] | undefined>(true)
  same<typeof count, number | undefined>(true)
  // @ts-expect-error not in the schema
  void request.body.other
})
const boxed = Type.Object({ text: Type.String(), flag: Type.Optional(Type.Boolean()) })
typed.post('/typebox', { schema: { body: boxed } }, async (request) => {
  same<typeof request.body.text, string>(true)
  same<typeof request.body.flag, boolean | undefined>(true)
})
const querystring = z.strictObject({ page: z.coerce.number().default(1) })
typed.get('/zod', { schema: { querystring } }, async (request) => {
  same<typeof request.query.page, number>(true)
})
typed.get('/answer', { schema: { response: { 200: body } } }, async () => ({ title: 'a' }))
// @ts-expect-error the answer lacks a member
typed.get('/wrong', { schema: { response: { 200: body } } }, async () => ({ tags: [] }))
