import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyRegisterOptions } from 'fastify'

/** What a subject may need to be set up: plain data, made once per run and sent to every server process. */
export interface Setup {
  /** SPKI PEM of the P-256 key that signed the tokens. */
  readonly publicKey: string
  readonly issuer: string
  readonly audience: string
  /** The origin that every request names. */
  readonly origin: string
  /** Header fields that never change in the answers of the subject named by `constantOf`. */
  readonly constantFields: readonly (readonly [name: string, value: string])[]
  /** What `keys` made for the servers. */
  readonly entries?: readonly object[]
  /** The port of the service that is asked behind them. */
  readonly backend?: number
}

/** A server that is no app: it listens, and tells its CPU. */
export interface Program {
  readonly port: number
  cpu(): Cpu
  close(): void
}

/** One comparison: apps that answer the same request. */
export interface Comparison {
  readonly title: string
  /** Each makes an app; the server process adds the route. */
  readonly subjects: Readonly<
    Record<string, (setup: Setup) => FastifyInstance | Program | Promise<FastifyInstance | Program>>
  >
  /** Seconds of load before a process is measured; default 2. */
  readonly warmUp?: number
  /** What is asked; default `/`. */
  readonly path?: string
  /** Apps get no route: they ask the service behind them, which a process of its own is. */
  readonly proxies?: boolean
  /** The subject that does nothing. */
  readonly bare: string
  /** The subject whose added CPU is 1. */
  readonly official: string
  /** The subject whose constant fields the others may write. */
  readonly constantOf?: string
  /** Requests are preflights for a POST, answered 204 without content, instead of GETs. */
  readonly preflights?: boolean
  /** Requests are POSTs of this JSON to a route with this schema for it, answered as the GETs are. */
  readonly post?: { readonly body: string; readonly schema: object }
  /** Requests name one of so many API keys in `x-api-key`, in rotation, instead of bearing a token. */
  readonly apiKeys?: number
  /** Makes API keys, and what servers know of them: each request then has both a token and a key in `x-api-key`. */
  readonly keys?: (count: number) => Promise<readonly { readonly key: string; readonly entry: object }[]>
  /** Subjects that answer 429 to every request. */
  readonly refusing?: readonly string[]
}

/** The subject that does nothing. */
export const bare = (): FastifyInstance => Fastify()

/** The floor: what it costs to write fields that nobody computes. */
export function constant(fields: Setup['constantFields']): FastifyInstance {
  const app = Fastify()
  app.addHook('onRequest', (_request, reply, done) => {
    for (const [name, value] of fields) reply.header(name, value)
    done()
  })
  return app
}

/**
 * Fastify with one plugin. It is imported when the subject starts: no subject runs in a process that another's code has
 * touched. The app is created after the import: our kernel records routes from the first one on.
 */
export async function registered<Options extends object>(
  load: () => Promise<{ readonly default: FastifyPluginAsync<Options> }>,
  options: Options,
): Promise<FastifyInstance> {
  const { default: plugin } = await load()
  const app = Fastify()
  await app.register(plugin, options as FastifyRegisterOptions<Options>)
  return app
}

/** Header fields of requests that say who is asking. */
export type Credential = Readonly<Record<string, string>>

/** What a server process is asked. */
export type Question = { readonly ask: 'listen'; readonly setup: Setup } | { readonly ask: 'cpu' }

/** Microseconds of CPU: in the process's own code, and in the operating system on its behalf. */
export interface Cpu {
  readonly user: number
  readonly system: number
}

/** What it answers. */
export type Answer =
  | { readonly port: number }
  /** Microseconds of CPU since the process began. */
  | { readonly cpu: Cpu }
  | { readonly failed: string }
