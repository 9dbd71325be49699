import type { Duplex } from 'node:stream'
import type { AdmissionEnd } from '@portcullis/kernel'
import { type Breach, closeFrame, FrameReader, maskedCloseFrame } from './frames.ts'

/** What a WebSocket may do. */
export interface TunnelTerms {
  /** Bytes of a client's message, over all its frames. */
  readonly maxMessageBytes: number
  /** Frames that a client may send within a second, on average; a burst of as many is free. */
  readonly framesPerSecond: number
  /** Milliseconds in which one side must say something. */
  readonly idle: number
}

/** Why a tunnel ended. */
export type TunnelEnd = 'closed' | 'idle' | 'going-away' | 'client-breach' | 'upstream-breach' | AdmissionEnd

/** Milliseconds that a side has to answer a Close frame. */
const LINGER = 1_000

/** Close codes that we say (RFC 6455 §7.4.1; of IANA's registry 3000: unauthorized, 1013: try again later). */
const CODES: Readonly<Record<Exclude<TunnelEnd, 'closed' | 'client-breach'>, number>> = {
  idle: 1001,
  expired: 3000,
  revoked: 3000,
  unavailable: 1013,
  'going-away': 1012,
  'upstream-breach': 1011,
}

/** Two sides of a WebSocket, and what passes between them: every byte as it is, as slow as the slower side. */
export class Tunnel {
  readonly #client: Duplex
  readonly #upstream: Duplex
  readonly #fromClient: FrameReader
  readonly #fromUpstream: FrameReader
  readonly #ended: (why: TunnelEnd) => void
  readonly #idle: NodeJS.Timeout
  /** Whether what was passed to a side ends with a whole frame: there another may follow. */
  #clientWhole = true
  #upstreamWhole = true
  #over = false
  #told = false

  /**
   * @param now monotonic milliseconds
   * @param ended called once, when nothing passes any more
   */
  constructor(
    client: Duplex,
    upstream: Duplex,
    terms: TunnelTerms,
    now: () => number,
    ended: (why: TunnelEnd) => void,
  ) {
    this.#client = client
    this.#upstream = upstream
    this.#ended = ended
    this.#fromClient = new FrameReader({
      sender: 'client',
      maxMessage: terms.maxMessageBytes,
      begins: bucket(terms.framesPerSecond, now),
    })
    this.#fromUpstream = new FrameReader({ sender: 'server', maxMessage: null, begins: () => true })
    this.#idle = setTimeout(() => this.end('idle'), terms.idle).unref()
    client.on('data', (chunk: Buffer) => {
      const breach = this.#pass(this.#fromClient, chunk, client, upstream)
      if (breach === null) this.#upstreamWhole = this.#fromClient.atBoundary
      else this.#breach(breach)
    })
    upstream.on('data', (chunk: Buffer) => {
      if (this.#pass(this.#fromUpstream, chunk, upstream, client) !== null) this.end('upstream-breach')
      else this.#clientWhole = this.#fromUpstream.atBoundary
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('drain', () => other.resume())
      one.on('end', () => other.end())
      one.on('error', () => {})
      one.once('close', () => {
        // What it said last is still on its way.
        other.end()
        setTimeout(() => other.destroy(), LINGER).unref()
        this.#finish('closed')
      })
    }
  }

  #pass(reader: FrameReader, chunk: Buffer, from: Duplex, to: Duplex): Breach | null {
    if (this.#over) return null
    const breach = reader.read(chunk)
    const { taken } = reader
    if (breach !== null || taken === 0) return breach
    this.#idle.refresh()
    if (!to.write(taken === chunk.length ? chunk : chunk.subarray(0, taken))) from.pause()
    return null
  }

  #breach(code: Breach): void {
    this.#close(code, code)
    this.#finish('client-breach')
  }

  /** Says goodbye to both sides, and ends. */
  end(why: Exclude<TunnelEnd, 'closed' | 'client-breach'>): void {
    if (this.#over) return
    this.#close(CODES[why], 1001)
    this.#finish(why)
  }

  /** In the middle of a frame there is no place for another: such a side just ends. */
  #close(toClient: number, toUpstream: number): void {
    this.#over = true
    if (this.#clientWhole && !this.#fromUpstream.closed) this.#client.end(closeFrame(toClient))
    else this.#client.end()
    if (this.#upstreamWhole && !this.#fromClient.closed) this.#upstream.end(maskedCloseFrame(toUpstream))
    else this.#upstream.end()
    setTimeout(() => {
      this.#client.destroy()
      this.#upstream.destroy()
    }, LINGER).unref()
    this.#client.resume()
    this.#upstream.resume()
  }

  #finish(why: TunnelEnd): void {
    this.#over = true
    clearTimeout(this.#idle)
    if (this.#told) return
    this.#told = true
    this.#ended(why)
  }
}

/** A token bucket: so many a second, and at first as many at once. */
function bucket(perSecond: number, now: () => number): () => boolean {
  let tokens = perSecond
  let at = now()
  return () => {
    const time = now()
    tokens = Math.min(perSecond, tokens + ((time - at) / 1000) * perSecond)
    at = time
    if (tokens < 1) return false
    tokens--
    return true
  }
}
