/** One token, or all tokens of a subject that were issued before a time. Times in seconds since the epoch. */
export type Revocation =
  | { readonly kind: 'token'; readonly issuer: string; readonly id: string; readonly expires: number }
  | {
      readonly kind: 'subject'
      readonly issuer: string
      readonly id: string
      readonly before: number
      readonly expires: number
    }

/** Between two looks for revocations that are over, in seconds. */
const SWEEP = 60

/**
 * What is revoked, apart from the app that refuses it: an app that replaces another refuses what the other refused. A
 * revocation is forgotten only when every token that it covers has expired: it is never withdrawn.
 */
export class Revocations {
  version = 0
  readonly #held = new Map<string, Revocation>()
  /** Who is told of a revocation, by what it is of: however many are, others cost nothing. */
  readonly #watching = new Map<string, Set<() => void>>()
  #swept = 0
  #longest = 0

  get size(): number {
    return this.#held.size
  }

  /** The revocation of that token or subject. */
  find(kind: Revocation['kind'], issuer: string, id: string): Revocation | undefined {
    return this.#held.get(keyOf(kind, issuer, id))
  }

  /** Adds a revocation, or widens the one that is there. */
  add(given: Revocation, now: number): void {
    if (given.expires <= now) return
    const key = keyOf(given.kind, given.issuer, given.id)
    const known = this.#held.get(key)
    const merged = known === undefined ? given : widest(known, given)
    if (merged === known) return
    this.#held.set(key, merged)
    this.version++
    for (const act of this.#watching.get(key) ?? []) act()
    if (now - this.#swept >= SWEEP) this.#sweep(now)
  }

  /** Calls back whenever that token or subject is revoked. @returns a function that stops */
  watch(kind: Revocation['kind'], issuer: string, id: string, act: () => void): () => void {
    const key = keyOf(kind, issuer, id)
    const acts = this.#watching.get(key) ?? new Set()
    this.#watching.set(key, acts.add(act))
    return () => {
      acts.delete(act)
      if (acts.size === 0 && this.#watching.get(key) === acts) this.#watching.delete(key)
    }
  }

  /** All that is not over. */
  all(now: number): readonly Revocation[] {
    this.#sweep(now)
    return [...this.#held.values()]
  }

  /** Seconds for which the app that accepts the oldest tokens accepts them: what is revoked lasts as long, whichever was told. */
  get longest(): number {
    return this.#longest
  }

  /** An app accepts tokens for so many seconds: what was revoked where they were fewer lasts longer. */
  lastFor(maxTokenAge: number): void {
    const more = maxTokenAge - this.#longest
    if (more <= 0) return
    this.#longest = maxTokenAge
    for (const [key, one] of this.#held) this.#held.set(key, { ...one, expires: one.expires + more })
  }

  #sweep(now: number): void {
    this.#swept = now
    for (const [key, { expires }] of this.#held) if (expires <= now) this.#held.delete(key)
  }
}

/**
 * Opens a place for what is revoked that outlives an app: give it to each app that replaces another, as
 * `revocation.memory`.
 * @example await app.register(auth, { jwt, revocation: { memory: openRevocations() } })
 */
export function openRevocations(): Revocations {
  return new Revocations()
}

/** Names hold no control characters. */
function keyOf(kind: Revocation['kind'], issuer: string, id: string): string {
  return `${kind}\n${issuer}\n${id}`
}

function widest(known: Revocation, given: Revocation): Revocation {
  const expires = Math.max(known.expires, given.expires)
  if (known.kind === 'token' || given.kind === 'token') return expires === known.expires ? known : { ...known, expires }
  const before = Math.max(known.before, given.before)
  return before === known.before && expires === known.expires ? known : { ...known, before, expires }
}
