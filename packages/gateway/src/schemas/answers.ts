import { pipeline, type Readable, Transform, type TransformCallback } from 'node:stream'
import { Gathered } from '@portcullis/kernel'
import type { Fault } from './faults.ts'
import { type Head, type Output, TOO_LONG } from './output.ts'

/** Where an answer goes once it is judged. */
export interface Way<Body> {
  /** To the client. */
  pass(body: Buffer | Body | Readable | null): void
  /** Nowhere: what the client gets instead is the caller's to say. */
  refuse(fault: Fault): void
  /** It passes all the same. */
  observe(fault: Fault): void
}

const NO_BYTES = Buffer.alloc(0)

/**
 * Judges an answer. With `report` it passes as it comes, and a copy is judged; with `refuse` it is held until its last
 * byte. More than the limit is not read, and so not admitted.
 */
export function judgeAnswer<Body extends Readable>(
  output: Output,
  head: Head,
  body: Buffer | Body | null,
  way: Way<Body>,
): void {
  const refuses = output.strictness === 'refuse'
  const settle = (fault: Fault | null, passed: Buffer | Body | null): void => {
    if (fault !== null && refuses) {
      way.refuse(fault)
      // Answered already: that the rest is given up is nobody's news.
      if (body !== null && !Buffer.isBuffer(body)) body.destroy()
      return
    }
    if (fault !== null) way.observe(fault)
    way.pass(passed)
  }
  const verdict = output.judge(head)
  if (typeof verdict !== 'function') return settle(verdict, body)
  const within = (bytes: Buffer): Fault | null => (bytes.length > output.limit ? TOO_LONG : verdict(bytes))
  if (body === null || Buffer.isBuffer(body)) return settle(within(body ?? NO_BYTES), body)
  if (refuses) return hold(body, output.limit, (bytes) => settle(bytes === null ? TOO_LONG : verdict(bytes), bytes))
  const copy = new Copy(output.limit, (bytes) => {
    const fault = bytes === null ? TOO_LONG : verdict(bytes)
    if (fault !== null) way.observe(fault)
  })
  pipeline(body, copy, () => {})
  way.pass(copy)
}

/** Reads an answer whole. One that breaks off is told of by whoever breaks it off. */
function hold(body: Readable, limit: number, done: (bytes: Buffer | null) => void): void {
  const gathered = new Gathered(limit)
  const onData = (chunk: Buffer): void => {
    if (gathered.add(chunk)) return
    body.off('data', onData).off('end', onEnd)
    done(null)
  }
  const onEnd = (): void => done(gathered.bytes)
  body.on('error', () => {})
  body.on('data', onData).on('end', onEnd)
}

/** Passes on what comes, and keeps a copy of it up to a limit. */
class Copy extends Transform {
  readonly #gathered: Gathered
  readonly #done: (bytes: Buffer | null) => void

  constructor(limit: number, done: (bytes: Buffer | null) => void) {
    super()
    this.#gathered = new Gathered(limit)
    this.#done = done
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#gathered.add(chunk)
    done(null, chunk)
  }

  override _flush(done: TransformCallback): void {
    this.#done(this.#gathered.bytes)
    done()
  }
}
