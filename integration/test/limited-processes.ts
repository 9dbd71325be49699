import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Burst, BurstAnswer } from './limited-process.ts'

/** Several processes that limit over the same Redis. */
export class LimitedProcesses {
  readonly #children: readonly ChildProcess[]
  #bursts = 0

  constructor(children: readonly ChildProcess[]) {
    this.#children = children
  }

  /** @param ports of one server, or of a cluster's nodes */
  static async start(count: number, kind: 'single' | 'cluster', ports: readonly number[]): Promise<LimitedProcesses> {
    const children = Array.from({ length: count }, () =>
      fork(new URL('limited-process.ts', import.meta.url), [kind, ...ports.map(String)], { execArgv: [] }),
    )
    await Promise.all(children.map(async (child) => once(child, 'message')))
    return new LimitedProcesses(children)
  }

  /** Has all ask at once, in equal shares, and adds up what came of it. */
  async burst(burst: Omit<Burst, 'id'>): Promise<Omit<BurstAnswer, 'id'>> {
    const id = this.#bursts++
    const share = { ...burst, id, requests: burst.requests / this.#children.length }
    const answers = await Promise.all(
      this.#children.map(
        (child) =>
          new Promise<BurstAnswer>((resolve) => {
            const hear = (answer: BurstAnswer): void => {
              if (answer.id !== id) return
              child.off('message', hear)
              resolve(answer)
            }
            child.on('message', hear)
            child.send(share)
          }),
      ),
    )
    const sum = (of: (answer: BurstAnswer) => number): number => answers.reduce((total, one) => total + of(one), 0)
    return {
      admitted: sum(({ admitted }) => admitted),
      refused: sum(({ refused }) => refused),
      others: sum(({ others }) => others),
    }
  }

  stop(): void {
    for (const child of this.#children) child.kill()
  }
}
