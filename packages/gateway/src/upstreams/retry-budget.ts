/**
 * What retries may add to the load: a share of the requests, saved up for at most ten of them, so that a service that
 * fails is not also sent twice what it cannot bear.
 */
export class RetryBudget {
  readonly #share: number
  readonly #most: number
  #saved: number

  /** @param share retries per request, 0 to 1. */
  constructor(share: number, most = 10) {
    this.#share = share
    this.#most = most
    this.#saved = share > 0 ? most : 0
  }

  /** A request was sent for the first time. */
  earn(): void {
    if (this.#saved < this.#most) this.#saved = Math.min(this.#saved + this.#share, this.#most)
  }

  /** Takes a retry; false when none is left. */
  spend(): boolean {
    if (this.#saved < 1) return false
    this.#saved--
    return true
  }
}
