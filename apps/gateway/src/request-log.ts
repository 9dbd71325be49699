import { type FastifyReply, type FastifyRequest, LogController } from 'fastify'

/** Says of requests only what the access record does not: what failed. Never with the URL, whose query may hold a secret. */
export class RequestLog extends LogController {
  override incomingRequest(): void {}
  override routeNotFound(): void {}
  override requestCompleted(): void {}
  override defaultErrorLog(error: Error, _request: FastifyRequest, reply: FastifyReply): void {
    if (reply.statusCode >= 500) reply.log.error({ err: error }, 'gateway: a request failed')
  }
}
