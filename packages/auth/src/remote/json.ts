import { type Agent, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

/** What is fetched, and how much of it. */
export interface RemoteRequest {
  readonly url: string
  /** Certificates of the authority, PEM; absent: Node's. */
  readonly ca?: string | undefined
  /** Sent by POST as a form; absent: GET. */
  readonly form?: string | undefined
  /** `Authorization`. */
  readonly authorization?: string | undefined
  /** Keeps connections; absent: each request has one of its own. Only for what may be asked twice. */
  readonly agent?: Agent | undefined
  /** `If-None-Match`. */
  readonly etag?: string | undefined
  /** From the first byte sent to the last received. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** What was answered. */
export interface RemoteAnswer {
  /** Null: 304, nothing has changed. */
  readonly body: Buffer | null
  /** The body says why a form was refused: 400. */
  readonly refused?: boolean
  readonly etag: string | undefined
  /** Seconds for which the answer may be kept (RFC 9111 §4.2), or null if it does not say. */
  readonly maxAge: number | null
}

/** How a document is fetched. */
export type FetchRemote = (request: RemoteRequest) => Promise<RemoteAnswer>

/**
 * Fetches a document: no redirect is followed, no cookie kept, no encoding accepted, the time and the body are bounded.
 * @throws an Error that says why there is no answer; never anything that the server wrote.
 */
export const fetchRemote: FetchRemote = async (request) => {
  try {
    return await attempt(request)
  } catch (error) {
    if (error instanceof ConnectionGone) return attempt({ ...request, agent: undefined })
    throw error
  }
}

/** A kept connection that the server had closed already: nothing was asked. */
class ConnectionGone extends Error {}

const attempt: FetchRemote = ({ url, ca, form, authorization, agent, etag, timeoutMs, maxBytes }) =>
  new Promise((resolve, reject) => {
    const target = new URL(url)
    const send = target.protocol === 'https:' ? requestHttps : requestHttp
    const headers = {
      accept: 'application/json, application/jwk-set+json',
      'accept-encoding': 'identity',
      ...(etag === undefined ? {} : { 'if-none-match': etag }),
      ...(authorization === undefined ? {} : { authorization }),
      ...(form === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': `${form.length}` }),
    }
    const method = form === undefined ? 'GET' : 'POST'
    const tls = { minVersion: 'TLSv1.2', rejectUnauthorized: true } as const
    const options = { method, headers, agent: agent ?? false, ...tls }
    const outgoing = send(target, { ...options, ...(ca === undefined ? {} : { ca }) })
    const fail = (why: string): void => {
      clearTimeout(timer)
      outgoing.destroy()
      reject(new Error(`${target.origin}: ${why}`))
    }
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs)
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') reject(new ConnectionGone())
      else fail(error.code ?? 'connection failed')
    })
    outgoing.once('response', (answer) => {
      const { statusCode, headers: fields } = answer
      const lasting = { etag: fields.etag, maxAge: maxAgeOf(fields['cache-control'], fields.age) }
      if (statusCode === 304 && etag !== undefined) {
        clearTimeout(timer)
        outgoing.destroy()
        return resolve({ body: null, ...lasting })
      }
      // What is wrong with a form stands in the body (RFC 6749 §5.2).
      const told = statusCode === 400 && form !== undefined
      if (statusCode !== 200 && !told) return fail(`answered ${statusCode}`)
      if (Number(fields['content-length'] ?? 0) > maxBytes) return fail(`more than ${maxBytes} bytes`)
      const chunks: Buffer[] = []
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) fail(`more than ${maxBytes} bytes`)
        else chunks.push(chunk)
      })
      answer.on('error', () => fail('the answer broke off'))
      answer.once('end', () => {
        clearTimeout(timer)
        resolve({ body: Buffer.concat(chunks), ...(told ? { refused: true } : {}), ...lasting })
      })
      answer.once('close', () => {
        if (!answer.complete) fail('the answer broke off')
      })
    })
    outgoing.end(form)
  })

/** Seconds that Cache-Control leaves, less Age. What forbids keeping counts as 0. */
export function maxAgeOf(cacheControl: string | undefined, age: string | undefined): number | null {
  if (cacheControl === undefined) return null
  const directives = cacheControl.toLowerCase()
  if (/(?:^|[\s,])(?:no-store|no-cache)(?:$|[\s,=])/.test(directives)) return 0
  const seconds = /(?:^|[\s,])max-age=(\d{1,10})(?:$|[\s,])/.exec(directives)?.[1]
  if (seconds === undefined) return null
  const old = /^\d{1,10}$/.test(age ?? '') ? Number(age) : 0
  return Math.max(0, Number(seconds) - old)
}
