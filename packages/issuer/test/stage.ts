import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import issuer, { type Declined, type Grant, type IssuerOptions } from '../src/index.ts'

/** Argon2id as cheap as it gets: what a test hashes is worth nothing. */
export const cheap = { memoryKiB: 8, passes: 1, dangerouslyCheapHashes: true } as const

export const smallest = {
  issuer: 'https://id.example.com',
  audience: 'https://api.example.com',
} as const satisfies IssuerOptions

/** A clock that stands still until it is told to go on. */
export interface TestClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Seconds since the epoch. */
  seconds(): number
  /** @param seconds how far to go on */
  pass(seconds: number): void
}

export function testClock(start = 1_800_000_000): TestClock {
  let at = start * 1000
  return {
    now: () => at,
    seconds: () => at / 1000,
    pass(seconds) {
      at += seconds * 1000
    },
  }
}

export interface Stage {
  readonly app: FastifyInstance
  readonly clock: TestClock
  readonly events: SecurityEvent[]
  /** Types of the events so far. */
  types(): string[]
}

/** An app with the room; closed when the test ends. */
export async function stage(options: Partial<IssuerOptions> = {}, clock: TestClock = testClock()): Promise<Stage> {
  const app = Fastify()
  onTestFinished(() => app.close())
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => void events.push(event))
  await app.register(issuer, { ...smallest, clock: clock.now, ...options, password: { ...cheap, ...options.password } })
  await app.ready()
  return { app, clock, events, types: () => events.map(({ type }) => type) }
}

/** What was given, for it must not have been refused. */
export function given<T extends object>(answer: T | Declined): T {
  if ('refusal' in answer) throw new Error(`refused: ${answer.refusal.code} ${JSON.stringify(answer.refusal.details)}`)
  return answer
}

/** The code of a refusal, for it must have been one. */
export function codeOf(answer: object): string {
  if (!('refusal' in answer)) throw new Error('was not refused')
  return (answer as Declined).refusal.code
}

/** What the refusal tells the event. */
export function reasonOf(answer: object): unknown {
  return (answer as Declined).refusal.details.detail?.['reason']
}

export function headerOf({ accessToken }: Pick<Grant, 'accessToken'>): Record<string, unknown> {
  return part(accessToken, 0)
}

export function claimsOf({ accessToken }: Pick<Grant, 'accessToken'>): Record<string, unknown> {
  return part(accessToken, 1)
}

function part(token: string, at: number): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[at] ?? '', 'base64url').toString()) as Record<string, unknown>
}
