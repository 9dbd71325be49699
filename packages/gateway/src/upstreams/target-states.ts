import { Circuit, type CircuitTerms } from './circuit.ts'

/** What is known of a target: how it answered, and what the active checks say. */
export interface TargetState {
  readonly circuit: Circuit
  healthy: boolean
}

interface Kept {
  readonly state: TargetState
  users: number
}

/** What is known of targets, apart from the app that asks them: an app that replaces another gives up what it gave up. */
export class TargetStates {
  readonly #kept = new Map<string, Kept>()

  /**
   * The state of a target. Other terms of the circuit are another state.
   * @returns the state, and what says that it is needed no longer
   */
  take(upstream: string, target: string, terms: CircuitTerms): { state: TargetState; release: () => void } {
    const { failures, share, minimum, window, openFor } = terms
    const name = JSON.stringify([upstream, target, failures, share, minimum, window, openFor])
    const kept = this.#kept.get(name) ?? { state: { circuit: new Circuit(terms), healthy: true }, users: 0 }
    this.#kept.set(name, kept)
    kept.users++
    let released = false
    const release = (): void => {
      if (released) return
      released = true
      if (--kept.users === 0) this.#kept.delete(name)
    }
    return { state: kept.state, release }
  }
}

/**
 * Opens a place for what is known of targets that outlives an app: give it to each app that replaces another.
 * @example await app.register(gateway, { upstreams, routes, internalToken, targetStates: openTargetStates() })
 */
export function openTargetStates(): TargetStates {
  return new TargetStates()
}
