/**
 * Another machine's clock, as far as its answers tell: between sending (`sent`) and receiving (`received`), both on our
 * own clock, it read `time`. So it is ahead of ours by `time − received` at least and `time − sent` at most.
 */
export class ServerClock {
  #ahead: number | undefined

  /** Takes an answer in. All in whole milliseconds; `time` is rounded down. */
  learn(time: number, sent: number, received: number): void {
    const least = time - received - 1
    const most = time + 1 - sent
    // The fastest answer bounds it best; one that contradicts it tells of a clock that was set or drifted.
    this.#ahead = Math.min(Math.max(this.#ahead ?? least, least), most)
  }

  /** What that clock shows, at the latest, when ours shows `ours`; undefined before its first answer. */
  at(ours: number): number | undefined {
    return this.#ahead === undefined ? undefined : this.#ahead + ours
  }
}
