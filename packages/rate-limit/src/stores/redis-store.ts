import { randomBytes } from 'node:crypto'
import type { Charge } from '../decision.ts'
import { hashSlot } from './hash-slot.ts'
import { RedisRunner, type RedisClient } from './redis-client.ts'
import { Lane, type Ask, type LaneParts } from './redis-lane.ts'
import { bans, NUMBERS, Plans, type Act } from './redis-plan.ts'
import { script as usual } from './redis-script.ts'
import { admits, spentOf, type SharedDecision, type SharedPart, type SharedStore } from './shared-store.ts'
import { subjectHash } from '../subject.ts'

/** What the store is built from. */
export interface RedisStoreParts extends Omit<LaneParts, 'runner'> {
  readonly client: RedisClient
  readonly prefix: string
  /** The script; tests bring one with another clock. */
  readonly script?: string
}

/** Charges of one caller, which one command can carry on a cluster. */
interface Group {
  readonly tag: string
  readonly charges: Charge[]
}

/**
 * Quotas in Redis: decisions of one tick are one command, which the server carries out before its deadline or not at
 * all; a breaker keeps an outage from delaying everybody.
 */
export class RedisStore implements SharedStore {
  readonly #parts: RedisStoreParts
  readonly #runner: RedisRunner
  readonly #plans = new Plans()
  readonly #lanes = new Map<string, Lane>()
  readonly #ticket = randomBytes(9).toString('base64url')
  #tickets = 0

  constructor(parts: RedisStoreParts) {
    this.#parts = parts
    this.#runner = new RedisRunner(parts.client, parts.script ?? usual)
  }

  /** Makes the first decision as quick as the others. On a cluster the masters are not known yet. */
  greet(): void {
    if (!this.#runner.clustered) this.#lane('').greet()
  }

  decide(charges: readonly Charge[]): Promise<SharedDecision | null> | null {
    const [first] = charges
    if (first === undefined) return null
    if (!this.#runner.clustered) {
      const lane = this.#lane('')
      if (!lane.admits()) return null
      let last = first.subject
      let tag = subjectHash(last)
      const keys: string[] = []
      for (const charge of charges) {
        if (charge.subject !== last) tag = subjectHash((last = charge.subject))
        this.#addKeys(keys, tag, charge)
      }
      return this.#judge(lane, 0, 'take', charges, keys)
    }
    const groups = grouped(charges)
    const [only] = groups
    if (groups.length === 1 && only !== undefined) return this.#take(only)
    return this.#takeAll(groups, charges)
  }

  refund(charge: Charge, takenAt: number): void {
    const tag = subjectHash(charge.subject)
    const slot = this.#slotOf(tag)
    const lane = this.#laneOf(slot)
    if (lane.admits()) this.#giveBack(lane, slot, tag, charge, takenAt)
  }

  async peek(charge: Charge): Promise<SharedPart | null> {
    return (await this.#ask('peek', charge))?.[0] ?? null
  }

  async forget(charge: Charge): Promise<boolean> {
    return (await this.#ask('forget', charge)) !== null
  }

  #ask(act: 'peek' | 'forget', charge: Charge): Promise<SharedDecision | null> | null {
    const tag = subjectHash(charge.subject)
    const slot = this.#slotOf(tag)
    const lane = this.#laneOf(slot)
    if (!lane.admits()) return null
    const keys: string[] = []
    this.#addKeys(keys, tag, charge)
    return this.#judge(lane, slot, act, [charge], keys)
  }

  #take({ tag, charges }: Group): Promise<SharedDecision | null> | null {
    const slot = this.#slotOf(tag)
    const lane = this.#laneOf(slot)
    if (!lane.admits()) return null
    const keys: string[] = []
    for (const charge of charges) this.#addKeys(keys, tag, charge)
    return this.#judge(lane, slot, 'take', charges, keys)
  }

  /**
   * Over several callers of a cluster: each caller's quotas are decided where they live, at once, and what was taken is
   * given back unless all allow. Nobody passes who would not have; meanwhile others may find the units taken.
   */
  async #takeAll(groups: readonly Group[], charges: readonly Charge[]): Promise<SharedDecision | null> {
    const decisions = await Promise.all(groups.map(async (group) => this.#take(group)))
    if (!decisions.every((decision) => decision !== null && admits(decision))) {
      for (const decision of decisions) for (const part of spentOf(decision)) this.refund(part, part.takenAt)
    }
    const parts = decisions.flatMap((decision) => decision ?? [])
    if (parts.length < charges.length) return null
    return charges.map(({ quota, subject }) =>
      parts.find((part) => part.quota === quota && part.subject === subject),
    ) as SharedDecision
  }

  #judge(
    lane: Lane,
    slot: number,
    act: Act,
    charges: readonly Charge[],
    keys: readonly string[],
  ): Promise<SharedDecision | null> {
    // The charges are used again for the next request.
    const kept = charges.map(({ quota, subject, cost, limit }) => ({ quota, subject, cost, limit }))
    return new Promise((resolve) => {
      lane.ask(slot, {
        plan: this.#plans.of(kept, act),
        keys,
        settle(numbers, at, time) {
          if (numbers === null) resolve(null)
          else if (act === 'forget') resolve([])
          else {
            const decision = decisionOf(kept, numbers, at, time)
            resolve(decision)
            return act === 'take' && spentOf(decision).length > 0
          }
          return act === 'forget' && numbers !== null
        },
        late: (numbers, at, time) => {
          // Counted here, and already decided without it: nobody pays twice.
          if (act !== 'take') return
          for (const part of spentOf(decisionOf(kept, numbers, at, time))) {
            this.#giveBack(lane, slot, subjectHash(part.subject), part, time)
          }
        },
      })
    })
  }

  #giveBack(lane: Lane, slot: number, tag: string, charge: Charge, takenAt: number): void {
    const ticket = `${this.#parts.prefix}{${tag}}:r:${this.#ticket}${this.#tickets++}`
    const ask: Ask = {
      plan: this.#plans.of([charge], 'refund'),
      keys: [this.#keyOf(tag, charge), ticket],
      extra: String(takenAt),
      settle: (numbers) => numbers !== null,
      late: () => {},
    }
    lane.ask(slot, ask)
  }

  /** The hash in braces is the cluster's hash tag: all quotas of one caller live on one node. */
  #keyOf(tag: string, { quota }: Charge): string {
    return `${this.#parts.prefix}{${tag}}:${quota.tag}`
  }

  #addKeys(keys: string[], tag: string, charge: Charge): void {
    const key = this.#keyOf(tag, charge)
    keys.push(key)
    // The ban and the count of refusals, as the script names them.
    if (bans(charge.quota)) keys.push(`${key}:b`, `${key}:n`)
  }

  #slotOf(tag: string): number {
    return this.#runner.clustered ? hashSlot(tag) : 0
  }

  #laneOf(slot: number): Lane {
    return this.#lane(this.#runner.clustered ? this.#runner.nodeOf(slot) : '')
  }

  #lane(node: string): Lane {
    let lane = this.#lanes.get(node)
    if (lane === undefined) {
      lane = new Lane({ ...this.#parts, runner: this.#runner })
      this.#lanes.set(node, lane)
    }
    return lane
  }
}

/** Charges by caller. */
function grouped(charges: readonly Charge[]): Group[] {
  const bySubject = new Map<string, Group>()
  for (const charge of charges) {
    const group = bySubject.get(charge.subject)
    if (group === undefined) bySubject.set(charge.subject, { tag: subjectHash(charge.subject), charges: [charge] })
    else group.charges.push(charge)
  }
  return [...bySubject.values()]
}

/** Reads a decision, from `at` on. */
function decisionOf(
  charges: readonly Charge[],
  numbers: readonly number[],
  at: number,
  takenAt: number,
): SharedDecision {
  let banned = false
  for (let i = 0; i < charges.length; i++) {
    const retry = numbers[at + i * NUMBERS + 2] as number
    if (retry < 0 && retry % 2 === 0) banned = true
  }
  return charges.map(({ quota, subject, cost, limit }, i) => {
    const place = at + i * NUMBERS
    const before = numbers[place] as number
    const resetMs = numbers[place + 1] as number
    const retry = numbers[place + 2] as number
    const bannedMs = retry < 0 ? Math.floor(-retry / 2) : 0
    const retryMs = Math.max(0, retry)
    const allowed = retryMs === 0 && bannedMs === 0
    const left = bannedMs === 0 ? before : 0
    const standing = {
      allowed,
      capacity: quota.burst ?? limit,
      before: left,
      // Who has waited out a delay may spend though nothing is left; beside a ban nobody spends.
      after: allowed && !banned ? Math.max(0, before - cost) : left,
      resetMs: Math.max(resetMs, bannedMs),
      retryMs: bannedMs === 0 ? retryMs : bannedMs,
      until: takenAt + resetMs,
    }
    return {
      quota,
      subject,
      cost,
      limit,
      standing,
      takenAt,
      ...(retry < 0 && { ban: retry % 2 === 0 ? 'running' : 'begun' }),
    }
  })
}
