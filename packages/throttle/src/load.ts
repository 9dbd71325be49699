import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What watches the event loop: `monitorEventLoopDelay`, or a test. */
export interface LoopMonitor {
  /** Mean of the times between two looks, in ns; NaN before the first. */
  readonly mean: number
  reset(): void
}

/** Says whether the event loop lags. */
export class Load {
  readonly #monitor: LoopMonitor
  readonly #resolutionMs: number
  readonly #sampleMs: number
  readonly #now: () => number
  #delayMs = 0
  #sampledAt: number

  /**
   * @param resolutionMs how often the monitor looks: what it measures includes it
   * @param sampleMs how often `sample` is called
   * @param now milliseconds, never going back
   */
  constructor(monitor: LoopMonitor, resolutionMs: number, sampleMs: number, now: () => number) {
    this.#monitor = monitor
    this.#resolutionMs = resolutionMs
    this.#sampleMs = sampleMs
    this.#now = now
    this.#sampledAt = now()
  }

  /** Takes the mean since the last call. */
  sample(): void {
    const { mean } = this.#monitor
    this.#delayMs = Number.isNaN(mean) ? 0 : Math.max(0, mean / 1e6 - this.#resolutionMs)
    this.#monitor.reset()
    this.#sampledAt = this.#now()
  }

  /** How late the loop runs, in ms. A loop too busy to sample is as late as its sample. */
  delayMs(): number {
    return Math.max(this.#delayMs, this.#now() - this.#sampledAt - this.#sampleMs)
  }
}

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 10
/** Milliseconds of one mean. */
const SAMPLE = 500

/** Watches the event loop of this process until it is stopped. */
export function watchLoop(now: () => number): { load: Load; stop: () => void } {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION })
  monitor.enable()
  const load = new Load(monitor, RESOLUTION, SAMPLE, now)
  const sampling = setInterval(() => load.sample(), SAMPLE)
  // Watching alone keeps no process alive.
  sampling.unref()
  return {
    load,
    stop() {
      clearInterval(sampling)
      monitor.disable()
    },
  }
}
