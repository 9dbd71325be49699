import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FastifyBaseLogger } from 'fastify'
import { carried } from './carried.ts'
import type { Code } from './code.ts'
import type { Config } from './config.ts'
import { Member } from './member.ts'
import { aggregate, type Snapshot } from './metrics.ts'
import type { Ports, Revoked, Serving } from './serving.ts'
import type { CallName, Calls } from './worker-calls.ts'

/** Milliseconds: between the end of a worker and its successor, doubled by each that ends soon; and what "soon" is. */
const BACKOFF = { first: 100, last: 10_000, soon: 60_000 } as const
/** Milliseconds in which a worker that is alive says how it is. */
const ASKED = 2_000
/** Milliseconds beside the deadline of what is under way, until a worker that does not end is killed. */
const OVERTIME = 5_000
/** Milliseconds in which a worker makes an app ready: each part of that has a time-out of its own, far below. */
const MADE_READY = 60_000

/** Several processes with one listening socket. Each reads nothing but the module of code: it is given the options. */
export class Workers implements Serving {
  readonly #count: number
  readonly #logger: FastifyBaseLogger
  readonly #code: Code
  readonly #members = new Set<Member>()
  /** Those that do not answer yet. */
  readonly #starting = new Set<Worker>()
  #config: Config
  #ports: Ports = { public: 0, plaintext: null }
  /** What workers that have ended counted. */
  #past: Promise<Snapshot> = Promise.resolve([])
  #ended = 0
  #closing = false

  private constructor(config: Config, count: number, logger: FastifyBaseLogger, code: Code) {
    this.#config = config
    this.#code = code
    this.#count = count
    this.#logger = logger
  }

  /** @throws what the rooms refuse to boot with, and what the sockets say */
  static async open(config: Config, count: number, logger: FastifyBaseLogger, code: Code): Promise<Workers> {
    const exec = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? 'worker.ts' : 'worker.js', import.meta.url))
    // Metrics have numbers that JSON has not.
    cluster.setupPrimary({ exec, args: [], serialization: 'advanced' })
    const workers = new Workers(config, count, logger, code)
    try {
      await Promise.all(Array.from({ length: count }, () => workers.#start()))
    } catch (error) {
      workers.#closing = true
      for (const { worker } of workers.#members) worker.process.kill('SIGKILL')
      await workers.#abandon()
      throw error
    }
    if (config.redis === undefined && config.rateLimit !== undefined && config.rateLimit !== false) {
      logger.warn(`gateway: without redis each of the ${count} workers counts rate limits by itself`)
    }
    return workers
  }

  get ports(): Ports {
    return this.#ports
  }

  async isReady(): Promise<boolean> {
    if (this.#members.size < this.#count) return false
    const ready = await Promise.allSettled(this.#each('isReady', null, ASKED))
    return ready.every((one) => one.status === 'fulfilled' && one.value)
  }

  async metrics(): Promise<string> {
    await Promise.allSettled(
      [...this.#members].map(async (member) => {
        member.last = await member.call('snapshot', null, ASKED)
      }),
    )
    return aggregate([await this.#past, ...[...this.#members].map(({ last }) => last)]).metrics()
  }

  /** All or none: what one worker cannot boot with, none answers by. */
  async replace(next: Config): Promise<void> {
    const reading = carried(next, this.#code.extension.options)
    const prepared = await Promise.allSettled(this.#each('prepare', reading, MADE_READY))
    const failed = prepared.find((one) => one.status === 'rejected')
    if (failed !== undefined) {
      await Promise.allSettled(this.#each('discard', null, ASKED))
      throw failed.reason
    }
    this.#config = next
    // One that ends meanwhile is followed by one that begins with the next reading.
    await Promise.allSettled(this.#each('proceed', null, next.drain.deadline * 1000 + OVERTIME))
  }

  /** One worker is told, and the others by Redis: those that follow later, too. */
  async revoke(revoked: Revoked): Promise<void> {
    const [member] = this.#members
    if (this.#config.redis === undefined)
      throw new TypeError('workers know of what is revoked by `redis` alone: set it')
    if (member === undefined) throw new Error('no worker answers')
    await member.call('revoke', revoked, OVERTIME)
  }

  async leave(): Promise<void> {
    this.#closing = true
    await Promise.allSettled([this.#abandon(), ...this.#each('leave', null, ASKED)])
  }

  async close(): Promise<void> {
    this.#closing = true
    const time = this.#config.drain.deadline * 1000 + OVERTIME
    await Promise.all([
      this.#abandon(),
      ...[...this.#members].map(async (member) => {
        const { worker } = member
        await member.call('close', null, time).catch(() => {})
        if (worker.isDead()) return
        const gone = new Promise((resolve) => worker.once('exit', resolve))
        worker.disconnect()
        const timer = setTimeout(() => worker.process.kill('SIGKILL'), OVERTIME)
        await gone
        clearTimeout(timer)
      }),
    ])
  }

  /** Ends those that do not answer yet. */
  async #abandon(): Promise<void> {
    await Promise.all(
      [...this.#starting].map((worker) => {
        worker.process.kill('SIGKILL')
        return once(worker, 'exit').catch(() => {})
      }),
    )
  }

  /** Starts a worker, and has it answer by the latest reading. */
  async #start(): Promise<void> {
    const worker = cluster.fork()
    this.#starting.add(worker)
    const member = new Member(worker)
    worker.once('exit', (code, signal) => this.#leftBy(member, code, signal))
    try {
      const { extension, module } = this.#code
      let config = this.#config
      const start = { reading: carried(config, extension.options), ...(module === undefined ? {} : { module }) }
      await member.hears(MADE_READY)
      this.#ports = await member.call('open', start, MADE_READY)
      while (config !== this.#config) {
        config = this.#config
        await member.call('prepare', carried(config, extension.options), MADE_READY)
        await member.call('proceed', null, MADE_READY)
      }
    } catch (error) {
      if (!worker.isDead()) worker.process.kill('SIGKILL')
      throw error
    } finally {
      this.#starting.delete(worker)
    }
    this.#members.add(member)
  }

  #leftBy(member: Member, code: number, signal: string): void {
    // One that never answered is its starter's matter.
    if (!this.#members.delete(member) || this.#closing) return
    const counted = member.last.filter(({ type }) => String(type) === 'counter' || String(type) === 'histogram')
    this.#past = this.#past.then((past) => aggregate([past, counted]).getMetricsAsJSON())
    this.#ended = performance.now() - member.since < BACKOFF.soon ? this.#ended + 1 : 1
    this.#logger.error({ code, signal }, 'gateway: a worker has ended; another one follows')
    this.#follow()
  }

  #follow(): void {
    const wait = Math.min(BACKOFF.first * 2 ** (this.#ended - 1), BACKOFF.last)
    setTimeout(() => {
      if (this.#closing) return
      this.#start().then(
        () => this.#logger.info('gateway: a worker has followed'),
        (error: Error) => {
          if (this.#closing) return
          this.#ended++
          this.#logger.error(`gateway: no worker follows yet: ${error.message}`)
          this.#follow()
        },
      )
    }, wait)
  }

  #each<Name extends CallName>(
    call: Name,
    given: Calls[Name]['given'],
    time?: number,
  ): Promise<Calls[Name]['gives']>[] {
    return [...this.#members].map((member) => member.call(call, given, time))
  }
}
