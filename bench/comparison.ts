import type { FastifyInstance } from 'fastify'

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
}

/** One comparison: apps that answer the same request. */
export interface Comparison {
  readonly title: string
  /** Each makes an app; the server process adds the route. */
  readonly subjects: Readonly<Record<string, (setup: Setup) => FastifyInstance | Promise<FastifyInstance>>>
  /** The subject that does nothing. */
  readonly bare: string
  /** The subject whose added CPU is 1. */
  readonly official: string
  /** The subject whose constant fields the others may write. */
  readonly constantOf?: string
  /** Requests are preflights for a POST, answered 204 without content, instead of GETs. */
  readonly preflights?: boolean
  /** Requests name one of so many API keys in `x-api-key`, in rotation, instead of bearing a token. */
  readonly apiKeys?: number
  /** Subjects that answer 429 to every request. */
  readonly refusing?: readonly string[]
}

/** A header field of requests that says who is asking. */
export type Credential = readonly [name: string, value: string]

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
