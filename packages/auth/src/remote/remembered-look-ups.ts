/** What is asked of a slow source, and how much of it. */
export interface LookUpParts<Answer, Question> {
  /** Asks; never throws or rejects, and is over in bounded time. */
  readonly ask: (question: Question) => Answer | Promise<Answer>
  /** Milliseconds for which an answer is good; 0: it is not remembered. */
  readonly keepFor: (answer: Answer) => number
  /** Whether the answer is about something that exists: strangers cannot push such an answer out. */
  readonly exists: (answer: Answer) => boolean
  /** The answer of a question that was not asked. */
  readonly tooMany: Answer
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Questions that are under way at once. */
  readonly concurrent: number
  /** Questions that wait behind them. */
  readonly waiting: number
  /** Milliseconds after which a question that still waits is not asked any more. */
  readonly patienceMs: number
  /** Answers remembered, of either kind. */
  readonly remembered: number
}

/**
 * How a question is asked: after those that wait; before them, by whoever asks few at a time, for strangers fill the
 * queue; or not at all, where the answer is not remembered.
 */
export type Manner = 'in-turn' | 'at-once' | 'remembered'

interface Kept<Answer> {
  readonly answer: Answer
  readonly since: number
  readonly until: number
}

/**
 * Look-ups whose keys strangers choose: equal questions asked at once are one, only so many are under way, only so many
 * wait, and answers are remembered for a while. Synchronous whenever the answer is there.
 */
export class RememberedLookUps<Answer, Question = string> {
  readonly #parts: LookUpParts<Answer, Question>
  readonly #found = new Map<string, Kept<Answer>>()
  readonly #absent = new Map<string, Kept<Answer>>()
  readonly #flights = new Map<string, Promise<Answer>>()
  readonly #waiting: (() => void)[] = []
  #underWay = 0

  constructor(parts: LookUpParts<Answer, Question>) {
    this.#parts = parts
  }

  /** @param key equal for equal questions: the only thing that is remembered of one */
  get(key: string, question: Question, manner: Manner = 'in-turn'): Answer | Promise<Answer> {
    const kept = this.#recall(this.#found, key) ?? this.#recall(this.#absent, key)
    if (kept !== undefined) return kept.answer
    if (manner === 'remembered') return this.#parts.tooMany
    const flight = this.#flights.get(key)
    if (flight !== undefined) return flight
    const isFree = manner === 'at-once' || this.#underWay < this.#parts.concurrent
    return isFree ? this.#begin(key, question) : this.#wait(key, question)
  }

  /** Asks again although an answer is remembered, unless that is younger than the given milliseconds. */
  again(key: string, question: Question, youngest: number, manner?: Manner): Answer | Promise<Answer> {
    const kept = this.#found.get(key)
    if (kept !== undefined && this.#parts.now() - kept.since >= youngest) this.#found.delete(key)
    return this.get(key, question, manner)
  }

  #recall(kept: Map<string, Kept<Answer>>, key: string): Kept<Answer> | undefined {
    const known = kept.get(key)
    if (known === undefined || known.until > this.#parts.now()) return known
    kept.delete(key)
    return undefined
  }

  #begin(key: string, question: Question): Answer | Promise<Answer> {
    const answer = this.#parts.ask(question)
    if (!(answer instanceof Promise)) return this.#keep(key, answer)
    this.#underWay++
    const over = (): void => {
      this.#flights.delete(key)
      this.#underWay--
      this.#next()
    }
    const flight = answer.then(
      (settled) => {
        over()
        return this.#keep(key, settled)
      },
      (error: unknown) => {
        over()
        throw error
      },
    )
    this.#flights.set(key, flight)
    return flight
  }

  #wait(key: string, question: Question): Answer | Promise<Answer> {
    const { waiting, tooMany, now, patienceMs } = this.#parts
    if (this.#waiting.length >= waiting) return tooMany
    const since = now()
    const flight = new Promise<Answer>((resolve) => {
      this.#waiting.push(() => {
        this.#flights.delete(key)
        resolve(now() - since > patienceMs ? tooMany : this.#begin(key, question))
      })
    })
    this.#flights.set(key, flight)
    return flight
  }

  #next(): void {
    while (this.#underWay < this.#parts.concurrent) {
      const begin = this.#waiting.shift()
      if (begin === undefined) return
      begin()
    }
  }

  #keep(key: string, answer: Answer): Answer {
    const { keepFor, exists, now, remembered } = this.#parts
    const time = keepFor(answer)
    if (time <= 0) return answer
    const kept = exists(answer) ? this.#found : this.#absent
    if (kept.size >= remembered)
      for (const [oldest] of kept) {
        kept.delete(oldest)
        break
      }
    const since = now()
    kept.set(key, { answer, since, until: since + time })
    return answer
  }
}
