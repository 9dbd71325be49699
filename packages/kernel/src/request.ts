import type { FastifyError, RequestSecurity, SecurityIdentity } from 'fastify'
import type { Chain } from './chain.ts'

/** `request.security`: one object per request. Users see `RequestSecurity`; the rest is the kernel's. */
export class RequestSecurityState implements RequestSecurity {
  identity: SecurityIdentity | null = null
  /** The chain of the request. */
  readonly chain: Chain
  /** The error that reached Fastify's error handling, if its default answer must not leave. */
  failure: FastifyError | null = null
  /** Whether an error has reached it, of whatever kind. */
  failed = false
  /** The text of the refusal that answers it, if it is answered with text. */
  answered: string | undefined = undefined

  constructor(chain: Chain) {
    this.chain = chain
  }
}
