import type { ObjectSchema } from '@portcullis/kernel'
import { openRevocations, type Revocations } from './revocations.ts'

/** A connection that only listens; `duplicate()` of an ioredis client makes one. */
export interface RevocationSubscriber {
  readonly status?: string
  subscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  on(event: string, listener: (...given: string[]) => void): unknown
  disconnect(): void
}

/** The commands of a Redis client that revocations use; an ioredis client has them. Redis 6.2 or later. */
export interface RevocationClient {
  /** The connection's state; while it is not `ready`, nothing is sent. */
  readonly status?: string
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>
  zscan(key: string, cursor: string, option: 'COUNT', count: number): Promise<[cursor: string, elements: string[]]>
  duplicate(): RevocationSubscriber
}

/** Tokens that are refused before they expire. */
export interface RevocationOptions {
  /** A connected ioredis client: revocations then reach every process that uses the same server. Default: this process alone. */
  redis?: RevocationClient
  /** Begins the names in Redis. Default: `ptc:auth:`. */
  prefix?: string
  /** While Redis is away: refuse all tokens with 503 (`closed`), or go by what is known (`open`). Default: `closed`. */
  onStoreError?: 'closed' | 'open'
  /** Seconds after `iat` for which a token is accepted at most; revocations are kept as long. Default: 86400. */
  maxTokenAge?: number
  /** Where it is kept what is revoked, if that is to outlive the app: `openRevocations()`. Default: a place of its own. */
  memory?: Revocations
}

/** Schema of `revocation`. */
export const revocationSchema: ObjectSchema = {
  type: 'object',
  description:
    'Refuse tokens before they expire: `revoke()` and `revokeSubject()`. Tokens need `iat`, and `jti` to be revoked one by one.',
  additionalProperties: false,
  properties: {
    redis: {
      description: 'A connected ioredis client: revocations then reach every process that uses the same server.',
      accepts: ['object'],
      title: 'a connected ioredis client',
      examples: [
        {
          eval: () => Promise.resolve(),
          zscan: () => Promise.resolve(['0', []]),
          duplicate: () => ({
            subscribe: () => Promise.resolve(),
            ping: () => Promise.resolve(),
            on: () => {},
            disconnect: () => {},
          }),
        },
      ],
    },
    prefix: {
      description: 'Begins the names in Redis.',
      type: 'string',
      title: 'at most 64 visible ASCII characters',
      pattern: '^[\\x21-\\x7E]{1,64}$',
      default: 'ptc:auth:',
    },
    onStoreError: {
      description: 'While Redis is away: refuse all tokens with 503 (`closed`), or go by what is known (`open`).',
      type: 'string',
      enum: ['closed', 'open'],
      default: 'closed',
    },
    maxTokenAge: {
      description: 'Seconds after `iat` for which a token is accepted at most; revocations are kept as long.',
      type: 'integer',
      minimum: 60,
      maximum: 31_536_000,
      default: 86_400,
    },
    memory: {
      description: 'Where it is kept what is revoked, if that is to outlive the app; absent: a place of its own.',
      accepts: ['object'],
      title: 'a place of `openRevocations()`',
      examples: [openRevocations()],
    },
  },
}
