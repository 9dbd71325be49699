import type { FastifyRequest, SecurityIdentity } from 'fastify'

/** Who stands in for the caller of an injected request: null unless `@portcullis/auth/testing` was imported. */
export const standIn: { identityOf: ((request: FastifyRequest) => SecurityIdentity | undefined) | null } = {
  identityOf: null,
}
