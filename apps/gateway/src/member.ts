import type { Worker } from 'node:cluster'
import type { Snapshot } from './metrics.ts'
import { type Answer, type CallName, type Calls, HEARS } from './worker-calls.ts'

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

/** A worker, as the first process knows it. */
export class Member {
  readonly worker: Worker
  readonly since: number = performance.now()
  /** What it counted when it was last asked. */
  last: Snapshot = []
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0

  constructor(worker: Worker) {
    this.worker = worker
    worker.on('message', ({ id, gives, error, mistakes }: Answer) => {
      const waiting = this.#waiting.get(id)
      if (error === undefined) waiting?.resolve(gives as never)
      else waiting?.reject(Object.assign(new Error(error), mistakes === undefined ? {} : { mistakes }))
    })
    worker.on('error', (error) => this.#fail(error))
    worker.once('exit', () => this.#fail(new Error('the worker has ended')))
  }

  /**
   * Resolves once it hears what it is asked: what is sent while it loads its modules may be lost. To be called at once.
   * @param time milliseconds
   */
  hears(time: number): Promise<void> {
    return this.#answer(HEARS, time)
  }

  /** @param time milliseconds; absent: as long as the worker lives */
  call<Name extends CallName>(call: Name, given: Calls[Name]['given'], time?: number): Promise<Calls[Name]['gives']> {
    const id = this.#calls++
    const answer = this.#answer<Calls[Name]['gives']>(id, time)
    this.worker.send({ id, call, given }, (error) => {
      if (error !== null) this.#waiting.get(id)?.reject(error)
    })
    return answer
  }

  #answer<Gives>(id: number, time: number | undefined): Promise<Gives> {
    const waiting = this.#waiting
    return new Promise<Gives>((resolve, reject) => {
      const timer =
        time === undefined ? undefined : setTimeout(() => reject(new Error('the worker does not answer')), time)
      waiting.set(id, {
        resolve: (value) => {
          clearTimeout(timer)
          resolve(value)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      })
    }).finally(() => waiting.delete(id))
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
  }
}
