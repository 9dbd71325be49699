import { hash } from 'node:crypto'

/** The commands of an ioredis client or cluster that the room uses. */
export interface IoredisClient {
  /** The connection's state; while it is lost, nothing is sent. */
  readonly status?: string
  readonly isCluster?: boolean
  /** Of a cluster: the nodes of each slot, the master first. */
  readonly slots?: readonly (readonly string[] | undefined)[]
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>
}

/** The commands of a node-redis client or cluster that the room uses. */
export interface NodeRedisClient {
  /** Whether the connection stands; while it is lost, nothing is sent. */
  readonly isReady?: boolean
  /** Of a cluster: the nodes of each slot. */
  readonly slots?: readonly ({ readonly master: { readonly address: string } } | undefined)[]
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** A client of Redis: ioredis or node-redis, of one server or a cluster. */
export type RedisClient = IoredisClient | NodeRedisClient

/** States of an ioredis client in which a command would only wait in its queue. */
const LOST: ReadonlySet<string | undefined> = new Set(['reconnecting', 'close', 'end'])

const isIoredis = (client: RedisClient): client is IoredisClient => 'evalsha' in client

/** Whether a value has the commands of either client. */
export function isRedisClient(value: object): value is RedisClient {
  const { evalsha, evalSha, eval: evaluate } = value as Record<string, unknown>
  return (typeof evalsha === 'function' || typeof evalSha === 'function') && typeof evaluate === 'function'
}

/** Runs one script, whichever the client. */
export class RedisRunner {
  readonly #client: RedisClient
  readonly #script: string
  readonly #digest: string

  constructor(client: RedisClient, script: string) {
    this.#client = client
    this.#script = script
    this.#digest = hash('sha1', script)
  }

  /** Whether the connection is known to be lost. */
  get lost(): boolean {
    return isIoredis(this.#client) ? LOST.has(this.#client.status) : this.#client.isReady === false
  }

  /** Whether keys of one command must share a slot. */
  get clustered(): boolean {
    return isIoredis(this.#client) ? this.#client.isCluster === true : Array.isArray(this.#client.slots)
  }

  /** The node that answers for a slot, as far as the client tells. */
  nodeOf(slot: number): string {
    if (isIoredis(this.#client)) return this.#client.slots?.[slot]?.[0] ?? ''
    return this.#client.slots?.[slot]?.master.address ?? ''
  }

  /** Runs the script. */
  async run(keys: string[], args: string[]): Promise<unknown> {
    try {
      return await this.#send(true, keys, args)
    } catch (error) {
      // The server has restarted or its scripts were flushed: the text loads it again.
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return this.#send(false, keys, args)
      throw error
    }
  }

  #send(byDigest: boolean, keys: string[], args: string[]): Promise<unknown> {
    const client = this.#client
    if (isIoredis(client)) {
      return byDigest
        ? client.evalsha(this.#digest, keys.length, ...keys, ...args)
        : client.eval(this.#script, keys.length, ...keys, ...args)
    }
    const options = { keys, arguments: args }
    return byDigest ? client.evalSha(this.#digest, options) : client.eval(this.#script, options)
  }
}
