import { type FastifyReply, type FastifyRequest, type FastifyServerOptions, LogController } from 'fastify'

/** Where and how much a server of the demo logs. */
export interface LogSettings {
  /** Pino's level. */
  readonly level: string
  /** Takes the lines; absent: standard output. */
  readonly stream?: { write(line: string): void } | undefined
}

/** The audit room records each request, without its query; Fastify's own lines hold it, and tokens are met there. */
class QuietRequests extends LogController {
  override incomingRequest(): void {}
  override routeNotFound(): void {}
  override requestCompleted(error: Error | null, request: FastifyRequest, reply: FastifyReply): void {
    if (error !== null && error !== undefined) super.requestCompleted(error, request, reply)
  }
}

/** The part of Fastify's options that is about logging. `name` tells the servers apart. */
export function logging(
  name: string,
  { level, stream }: LogSettings,
): Pick<FastifyServerOptions, 'logger' | 'logController'> {
  return {
    logger: {
      name,
      level,
      serializers: {
        // PostgreSQL quotes the failing row in an error's `detail`: a password's hash, an address.
        err: (error: Error & { code?: unknown }) => ({
          type: error.name,
          message: error.message,
          stack: error.stack ?? '',
          ...(typeof error.code === 'string' ? { code: error.code } : {}),
        }),
        req: ({ method, url }: FastifyRequest) => ({ method, url: String(url).split('?', 1)[0] ?? '' }),
      },
      ...(stream === undefined ? {} : { stream }),
    },
    logController: new QuietRequests(),
  }
}
