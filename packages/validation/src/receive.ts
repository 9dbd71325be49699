import { Readable } from 'node:stream'
import { brotliDecompress, gunzip, inflate, type InputType } from 'node:zlib'
import type { Arrival, BodyRates, Rate } from './body-rate.ts'

/** A whole body, or what has come of one that is given up. */
export interface Received {
  readonly body: Buffer
  readonly fault: null | 'too-large' | 'too-slow' | 'aborted'
  readonly received: number
}

/** Bounds of a body. */
export interface Bounds {
  /** Bytes. */
  readonly limit: number
  readonly rate: Rate | null
}

/**
 * Reads a body whole, within its bounds. Never rejects.
 * @param slow told of a body that comes too slowly, instead of giving it up
 */
export function receive(
  source: Readable,
  { limit, rate }: Bounds,
  rates: BodyRates,
  now: number,
  slow?: (received: number) => void,
): Promise<Received> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let received = 0
    const cut = slow ?? (() => settle('too-slow'))
    const arrival: Arrival = { since: now, received: () => received, cut }

    function settle(fault: Received['fault']): void {
      if (rate !== null) rates.leave(arrival)
      source.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
      // What goes wrong with it later is nobody's any more.
      if (fault !== null) source.on('error', () => undefined)
      resolve({ body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), fault, received })
    }
    function onData(chunk: Buffer | string): void {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      received += bytes.length
      chunks.push(bytes)
      if (received > limit) settle('too-large')
    }
    const onEnd = (): void => settle(null)
    const onGone = (): void => settle('aborted')

    if (rate !== null) rates.watch(arrival, rate)
    source.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone)
  })
}

/** Content codings (RFC 9110 §8.4.1). */
export type Encoding = 'gzip' | 'deflate' | 'br'

type Inflate = (
  body: InputType,
  options: { maxOutputLength: number },
  done: (error: NodeJS.ErrnoException | null, whole: Buffer) => void,
) => void

const inflaters: Readonly<Record<Encoding, Inflate>> = { gzip: gunzip, deflate: inflate, br: brotliDecompress }

/** Inflates a body up to a limit: a bomb is given up at the first byte beyond it. */
export function inflated(body: Buffer, encoding: Encoding, limit: number): Promise<Buffer | 'too-large' | 'malformed'> {
  return new Promise((resolve) => {
    inflaters[encoding](body, { maxOutputLength: limit }, (error, whole) => {
      if (error === null) resolve(whole)
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
