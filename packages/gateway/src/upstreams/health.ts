import type { Dispatcher } from 'undici'
import type { Target } from './target.ts'
import type { Upstream } from './upstream.ts'

/** How targets are asked whether they are well. */
export interface HealthTerms {
  readonly path: string
  /** Milliseconds between two questions. */
  readonly interval: number
  /** Milliseconds until no answer is a bad one. */
  readonly timeout: number
  /** Bad answers one after another that give a target up. */
  readonly unhealthyAfter: number
  /** Good answers one after another that take it back. */
  readonly healthyAfter: number
}

/** One question; calls back once with whether the answer was one of 2xx. */
class Question implements Dispatcher.DispatchHandler {
  readonly #told: (well: boolean) => void
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | null = null
  #over = false
  #well = false

  constructor(timeout: number, told: (well: boolean) => void) {
    this.#told = told
    this.#timer = setTimeout(() => {
      this.#controller?.abort(new Error('no answer in time'))
      this.#tell(false)
    }, timeout)
    this.#timer.unref()
  }

  #tell(well: boolean): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#told(well)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(new Error('no answer in time'))
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status >= 200) this.#well = status < 300
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#tell(this.#well)
  }

  onResponseError(): void {
    this.#tell(false)
  }
}

/**
 * Asks every target of an upstream, one after another within each interval, so that many gateways and targets do not
 * ask at once. Timers do not keep the process alive.
 * @returns ends it
 */
export function watchHealth(upstream: Upstream, terms: HealthTerms): () => void {
  const timers = new Set<NodeJS.Timeout>()
  let over = false
  const later = (milliseconds: number, act: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, milliseconds)
    timer.unref()
    timers.add(timer)
  }
  // Above 0: good answers one after another; below: bad ones.
  const ask = (target: Target, inRow: number): void => {
    if (over) return
    const question = new Question(terms.timeout, (well) => {
      const now = well ? Math.max(inRow, 0) + 1 : Math.min(inRow, 0) - 1
      if (now >= terms.healthyAfter) upstream.check(target, true)
      else if (-now >= terms.unhealthyAfter) upstream.check(target, false)
      if (!over) later(terms.interval, () => ask(target, now))
    })
    target.send({ path: terms.path, method: 'GET', headers: ['user-agent', 'portcullis-gateway'] }, question)
  }
  for (const [place, target] of upstream.targets.entries()) {
    later((terms.interval * place) / upstream.targets.length, () => ask(target, 0))
  }
  return () => {
    over = true
    for (const timer of timers) clearTimeout(timer)
  }
}
