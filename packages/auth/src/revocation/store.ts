import type { Clock } from '../clock.ts'
import { GRACE } from '../remote/outage.ts'
import type { RevocationClient, RevocationSubscriber } from './options.ts'
import type { Revocation } from './revocations.ts'
import { memberOf, readMember, type RevokedTokens } from './revoked-tokens.ts'

/** What sharing revocations needs. */
export interface RevocationStoreParts {
  readonly client: RevocationClient
  readonly prefix: string
  readonly list: RevokedTokens
  readonly clock: Clock
  /** Refuse tokens while the list may lack something. */
  readonly closed: boolean
  /** Told once when an outage begins. */
  readonly onAway: (error: unknown) => void
  /** Told once the list is complete again. */
  readonly onBack: () => void
}

/**
 * Adds to the set, drops what is over, lets the whole set expire with its last member, and tells everybody.
 * Scores only grow, and what is over is told by the server's clock: nobody shortens a revocation.
 */
const SCRIPT = `
redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if last[2] then redis.call('EXPIREAT', KEYS[1], string.format('%.0f', last[2])) end
redis.call('PUBLISH', ARGV[3], ARGV[1] .. ' ' .. ARGV[2])
return 1
`

/** Whether the set is there. */
const LOOK = `return redis.call('EXISTS', KEYS[1])`

/** Milliseconds: between two looks at the connection, and for one command. */
const BEAT = 500
const PATIENCE = 2_000

/** What one ZSCAN asks for. */
const PAGE = 1_000

/**
 * Keeps the lists of all processes the same through Redis: pushed when something is revoked, read in full whenever the
 * connection was lost. What this process knows and Redis has lost is written back: no outage and no flush withdraws anything.
 */
export class RevocationStore {
  readonly #parts: RevocationStoreParts
  readonly #key: string
  readonly #channel: string
  #subscriber: RevocationSubscriber | undefined
  /** Grows whenever messages may have been missed. */
  #losses = 1
  /** Losses that the list is complete up to. */
  #complete = 0
  #away = false
  #syncing = false
  #callOff: () => void = () => {}
  #callOffGrace: () => void = () => {}
  #closed = false

  constructor(parts: RevocationStoreParts) {
    this.#parts = parts
    this.#key = `${parts.prefix}revoked`
    this.#channel = `${parts.prefix}revocations`
  }

  /** Listens and reads the list. Never rejects: what fails is tried again. */
  async start(): Promise<void> {
    const { client, list, closed } = this.#parts
    if (closed) list.interrupt()
    const subscriber = client.duplicate()
    this.#subscriber = subscriber
    subscriber.on('message', (_channel, message) => this.#heard(message))
    // Whoever listens for no errors is ended by them.
    subscriber.on('error', () => {})
    subscriber.on('close', () => this.#lost(new Error('the connection closed')))
    await this.#connected(subscriber)
    subscriber.on('ready', () => void this.#sync())
    await this.#sync()
    this.#beat()
  }

  /** A client without a queue refuses what it is told before it is connected: an app would begin with an outage. */
  async #connected(subscriber: RevocationSubscriber): Promise<void> {
    if (subscriber.status !== 'connecting' && subscriber.status !== 'connect') return
    const settled = new Promise<void>((resolve) => {
      for (const event of ['ready', 'close']) subscriber.on(event, () => resolve())
    })
    await this.#within(settled).catch(() => {})
  }

  close(): void {
    this.#closed = true
    this.#callOff()
    this.#callOffGrace()
    this.#subscriber?.disconnect()
  }

  /** Tells Redis, and through it everybody. @throws if it does not answer in time; it is told again once it is back. */
  async share(revocation: Revocation): Promise<void> {
    const { client } = this.#parts
    if (isDown(client)) throw new Error('Redis is away')
    const args = [this.#key, String(revocation.expires), memberOf(revocation), this.#channel]
    try {
      await this.#within(client.eval(SCRIPT, 1, ...args))
    } catch (error) {
      this.#lost(error)
      throw error
    }
  }

  #heard(message: string): void {
    const space = message.indexOf(' ')
    const revocation = readMember(message.slice(space + 1), Number(message.slice(0, space)))
    if (revocation !== null) this.#parts.list.add(revocation)
  }

  #lost(error: unknown): void {
    if (this.#closed) return
    const { list, closed, clock, onAway } = this.#parts
    this.#losses++
    if (closed) list.interrupt()
    if (this.#away) return
    this.#away = true
    if (closed) this.#callOffGrace = clock.after(GRACE * 1000, () => list.giveUp())
    onAway(error)
  }

  async #sync(): Promise<void> {
    if (this.#syncing || this.#closed) return
    const subscriber = this.#subscriber as RevocationSubscriber
    const { client, list } = this.#parts
    const losses = this.#losses
    if (losses === this.#complete) return
    this.#syncing = true
    try {
      // Listening comes first: what is revoked while the list is read is heard.
      await this.#within(subscriber.subscribe(this.#channel))
      const found = await this.#read(client)
      for (const revocation of list.all()) if (!found.has(memberOf(revocation))) await this.share(revocation)
      this.#complete = losses
      if (losses === this.#losses) {
        this.#callOffGrace()
        list.complete()
        if (this.#away) this.#parts.onBack()
        this.#away = false
      }
    } catch (error) {
      this.#lost(error)
    } finally {
      this.#syncing = false
    }
  }

  async #read(client: RevocationClient): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    let cursor = '0'
    do {
      const [next, elements] = await this.#within(client.zscan(this.#key, cursor, 'COUNT', PAGE))
      for (let at = 0; at + 1 < elements.length; at += 2) {
        const member = elements[at] as string
        const revocation = readMember(member, Number(elements[at + 1]))
        if (revocation !== null) this.#parts.list.add(revocation)
        found.add(member)
      }
      cursor = next
    } while (cursor !== '0')
    return found
  }

  /** A frozen server closes nothing: the connection is asked whether it lives. */
  #beat(): void {
    if (this.#closed) return
    this.#callOff = this.#parts.clock.after(BEAT, () => {
      void this.#look().finally(() => this.#beat())
    })
  }

  async #look(): Promise<void> {
    const subscriber = this.#subscriber as RevocationSubscriber
    if (isDown(subscriber) || isDown(this.#parts.client)) return this.#lost(new Error('Redis is away'))
    try {
      await this.#within(subscriber.ping())
      // Flushed, or evicted to make room: nobody's connection tells.
      const { client, list } = this.#parts
      const isThere = Number(await this.#within(client.eval(LOOK, 1, this.#key))) !== 0
      if (!isThere && list.all().length > 0) this.#losses++
      await this.#sync()
    } catch (error) {
      this.#lost(error)
    }
  }

  /** The promise, or a rejection after the patience that a command gets. */
  #within<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const callOff = this.#parts.clock.after(PATIENCE, () => reject(new Error(`no answer within ${PATIENCE} ms`)))
      answer.then(resolve, reject).finally(callOff)
    })
  }
}

/** Commands would only wait in a queue. */
function isDown({ status }: { readonly status?: string }): boolean {
  return status === 'reconnecting' || status === 'close' || status === 'end' || status === 'connecting'
}
