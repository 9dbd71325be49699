import { emit, type Refusal, type Steps } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import { takeFrom } from './carried.ts'
import { carelessnessOf } from './cookie.ts'
import { refusals } from './errors.ts'
import { events } from './events.ts'
import { admits, type Tokens } from './issue.ts'
import { isMultipart } from './media-type.ts'
import type { CsrfOptions } from './options.ts'
import { compilePolicy } from './policy.ts'

/** Careless cookies remembered at most: names may hold whatever an app puts into them. */
const TOLD = 1_000

/** What the steps of one registration share. */
export function stepsWith(
  tokens: Tokens,
): (policy: Readonly<CsrfOptions>) => Required<Pick<Steps, 'onRequest' | 'preValidation' | 'preHandler' | 'close'>> {
  const told = new Set<string>()
  /** Requests that have to show a token once their body is read. */
  const asked = new WeakSet<FastifyRequest>()

  /** Tells of cookies that any handler or plugin has set, once each. */
  function inspect(request: FastifyRequest, set: string | readonly string[]): void {
    for (const one of typeof set === 'string' ? [set] : set) {
      const found = carelessnessOf(one, Date.now())
      if (found === null) continue
      const key = `${found.cookie} ${found.missing.join()}`
      if (told.has(key) || told.size === TOLD) continue
      told.add(key)
      emit(request, events['csrf.cookie-exposed'], { outcome: 'allowed', detail: { ...found } })
    }
  }

  function verify(request: FastifyRequest, token: string | readonly string[] | undefined): Refusal | undefined {
    asked.delete(request)
    if (token === undefined) return refusals.tokenMissing
    return admits(tokens, request, token as string) ? undefined : refusals.tokenInvalid
  }

  return (policy) => {
    const judge = compilePolicy(policy)
    return {
      onRequest(request) {
        const judgement = judge(request)
        if (judgement === 'pass') return undefined
        if (judgement !== 'token') return refusals[judgement]
        asked.add(request)
        return undefined
      },
      preValidation(request) {
        const { body } = request
        const member = body === undefined ? undefined : takeFrom(body)
        if (!asked.has(request)) return undefined
        const token = request.headers['x-csrf-token'] ?? member
        // @fastify/multipart hands the fields over after us, before the route's schema.
        if (token === undefined && body === undefined && isMultipart(request.headers['content-type'])) return undefined
        return verify(request, token)
      },
      preHandler(request) {
        const { body } = request
        const member = body === undefined ? undefined : takeFrom(body)
        return asked.has(request) ? verify(request, member) : undefined
      },
      // Not onSend: @fastify/cookie writes its cookies after us.
      close(request, reply) {
        const set = reply.getHeader('set-cookie')
        if (set !== undefined) inspect(request, set as string | string[])
      },
    }
  }
}
