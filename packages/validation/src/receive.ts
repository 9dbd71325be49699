import { Readable } from 'node:stream'
import { brotliDecompress, gunzip, inflate, type InputType } from 'node:zlib'
import { Gathered } from '@portcullis/kernel'
import type { BodyRates, Rate } from './body-rate.ts'

/** A whole body, or what has come of one that is given up. */
export interface Received {
  readonly body: Buffer
  readonly fault: null | 'too-large' | 'too-slow' | 'aborted'
  readonly received: number
  /** Whether the body stands in its stream again, unread. */
  readonly left: boolean
}

/** Bounds of a body. */
export interface Bounds {
  /** Bytes. */
  readonly limit: number
  readonly rate: Rate | null
  /** Content-Length, if the body is to be left in its stream once that much has come; else NaN. */
  readonly length: number
}

/**
 * Reads a body whole, within its bounds.
 * @param done told once
 * @param slow told of a body that comes too slowly, instead of giving it up
 */
export function receive(
  source: Readable,
  { limit, rate, length }: Bounds,
  rates: BodyRates,
  done: (received: Received) => void,
  slow?: (received: number) => void,
): void {
  // One piece may be beyond the limit: whoever is to see that sees it.
  const gathered = new Gathered(Infinity)
  let received = 0
  let settled = false

  const whole = (): Buffer => gathered.bytes ?? NOTHING

  function settle(fault: Received['fault']): void {
    // What comes after the end, or goes wrong with it later, is nobody's any more.
    if (settled) return
    settled = true
    if (fault !== null) source.off('data', onData)
    done({ body: whole(), fault, received, left: false })
  }
  function onData(chunk: Buffer | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    received += bytes.length
    gathered.add(bytes)
    if (received > limit) settle('too-large')
    else if (received === length) {
      // All of it is here, and the stream has not ended: it can have it back, and needs no stand-in.
      settled = true
      const body = whole()
      source.off('data', onData)
      source.pause()
      source.unshift(body)
      done({ body, fault: null, received, left: true })
    }
  }
  const onGone = (): void => settle('aborted')

  if (rate !== null) {
    const cut = slow ?? (() => settle('too-slow'))
    rates.watch({ received: () => received, over: () => settled, cut }, rate)
  }
  source.on('data', onData)
  source.on('end', () => settle(null))
  source.on('error', onGone)
  source.on('close', onGone)
}

const NOTHING = Buffer.alloc(0)

/** Content codings (RFC 9110 §8.4.1). */
export type Encoding = 'gzip' | 'deflate' | 'br'

/** What comes with the option `info`. */
interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

type Inflate = (
  body: InputType,
  options: { maxOutputLength: number; info: true },
  done: (error: NodeJS.ErrnoException | null, whole: Inflated) => void,
) => void

const inflaters = { gzip: gunzip, deflate: inflate, br: brotliDecompress } as unknown as Readonly<
  Record<Encoding, Inflate>
>

/** Inflates a body up to a limit: a bomb is given up at the first byte beyond it. */
export function inflated(body: Buffer, encoding: Encoding, limit: number): Promise<Buffer | 'too-large' | 'malformed'> {
  return new Promise((resolve) => {
    inflaters[encoding](body, { maxOutputLength: limit, info: true }, (error, whole) => {
      // What follows the end is read by some and not by others.
      if (error === null) resolve(whole.engine.bytesWritten === body.length ? whole.buffer : 'malformed')
      else resolve(error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'malformed')
    })
  })
}

/** A body that has been read, as a stream again: what reads bodies reads it as if it had just come. */
export class Replay extends Readable {
  /** Bytes as they came, which Content-Length speaks of; Fastify compares. */
  readonly receivedEncodedLength: number
  #body: Buffer | null

  constructor(body: Buffer, received: number) {
    super({ autoDestroy: false, emitClose: false })
    this.#body = body
    this.receivedEncodedLength = received
  }

  override _read(): void {
    if (this.#body === null) return
    if (this.#body.length > 0) this.push(this.#body)
    this.#body = null
    this.push(null)
  }
}
