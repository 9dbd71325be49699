import { RetryBudget } from './retry-budget.ts'
import { TargetStates } from './target-states.ts'
import { Target, type TargetStatus, type TargetTerms } from './target.ts'

/** How requests are spread over the targets of an upstream. */
export type Balance = 'round-robin' | 'least-connections'

/** A private service, as compiled from the options. */
export interface UpstreamTerms {
  readonly name: string
  readonly targets: readonly TargetTerms[]
  readonly balance: Balance
  /** Requests under way at the same time. */
  readonly concurrency: number
  readonly retries: { readonly attempts: number; readonly budget: number }
  /** Milliseconds from the request to the last byte of the answer; null: as long as both sides move. */
  readonly totalTimeout: number | null
}

/** How an upstream is. */
export interface UpstreamStatus {
  readonly name: string
  readonly targets: readonly TargetStatus[]
}

/** What is told of targets that go and come. */
export interface TargetWatch {
  readonly ejected: (upstream: string, target: string, reason: string) => void
  readonly restored: (upstream: string, target: string) => void
}

/** The targets of one private service. */
export class Upstream {
  readonly name: string
  readonly targets: readonly Target[]
  readonly totalTimeout: number | null
  readonly retries: number
  readonly budget: RetryBudget
  readonly #balance: Balance
  readonly #concurrency: number
  readonly #watch: TargetWatch
  #underWay = 0
  #next = 0

  constructor(terms: UpstreamTerms, watch: TargetWatch, states: TargetStates = new TargetStates()) {
    this.name = terms.name
    this.targets = terms.targets.map((target) => new Target(target, terms.name, states))
    this.totalTimeout = terms.totalTimeout
    this.retries = terms.retries.attempts
    this.budget = new RetryBudget(terms.retries.budget)
    this.#balance = terms.balance
    this.#concurrency = terms.concurrency
    this.#watch = watch
  }

  /** Takes one of the upstream's places; false when all are taken. A waiting line would only grow. */
  enter(): boolean {
    if (this.#underWay >= this.#concurrency) return false
    this.#underWay++
    this.budget.earn()
    return true
  }

  leave(): void {
    this.#underWay--
  }

  /** The next target that may be asked, another than `not` if there is one; null if all are given up. */
  pick(now: number, not: Target | null): Target | null {
    const { targets } = this
    const { length } = targets
    if (length === 1) {
      const [only] = targets as [Target]
      return only.isAvailable(now) ? only : null
    }
    let best: Target | null = null
    const from = this.#next
    for (let step = 0; step < length; step++) {
      const at = (from + step) % length
      const target = targets[at] as Target
      if (target === not || !target.isAvailable(now)) continue
      if (best === null) this.#next = (at + 1) % length
      if (this.#balance === 'round-robin') return target
      if (best === null || target.underWay < best.underWay) best = target
    }
    return best ?? (not?.isAvailable(now) === true ? not : null)
  }

  /** A request goes to a target. */
  begin(target: Target): void {
    target.underWay++
    target.circuit.enter()
  }

  /** How it went: `gone` says nothing about the target. */
  end(target: Target, outcome: 'answered' | 'failed' | 'gone', now: number, reason = ''): void {
    target.underWay--
    if (outcome === 'gone') target.circuit.leave()
    else if (outcome === 'failed') {
      if (target.circuit.fail(now)) this.#watch.ejected(this.name, target.name, reason)
    } else if (target.circuit.succeed(now)) this.#watch.restored(this.name, target.name)
  }

  /** What an active check found. */
  check(target: Target, healthy: boolean): void {
    if (target.healthy === healthy) return
    target.healthy = healthy
    if (healthy) this.#watch.restored(this.name, target.name)
    else this.#watch.ejected(this.name, target.name, 'unhealthy')
  }

  /** Seconds until a target may be asked again; null if nobody knows. */
  retryAfter(now: number): number | null {
    const waits = this.targets.filter(({ healthy }) => healthy).map(({ circuit }) => circuit.wait(now))
    return waits.length === 0 ? null : Math.max(Math.ceil(Math.min(...waits) / 1000), 1)
  }

  status(now: number): UpstreamStatus {
    return { name: this.name, targets: this.targets.map((target) => target.status(now)) }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all(this.targets.map((target) => target.close()))
  }
}
