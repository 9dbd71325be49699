import { type IncomingMessage, request as ask, type ServerResponse } from 'node:http'

/** RFC 8555 §8.1, §8.3: a token is base64url. */
const CHALLENGE = /^\/\.well-known\/acme-challenge\/[\w-]{1,256}$/

/** Asked of the first process at the same time: an authority asks from a few places. */
const MOST = 16

let underWay = 0

/**
 * Hands the question of a certificate authority to the process that has ordered.
 * @param port where that process listens, on this machine alone
 * @returns whether it was one
 */
export function relayChallenge(port: number, { method, url = '' }: IncomingMessage, response: ServerResponse): boolean {
  if (method !== 'GET' || !CHALLENGE.test(url)) return false
  if (underWay >= MOST) {
    response.writeHead(503, { 'retry-after': '1', connection: 'close' }).end()
    return true
  }
  underWay++
  const asked = ask({ host: '127.0.0.1', port, path: url, agent: false, timeout: 5_000 }, (answer) => {
    response.writeHead(answer.statusCode as number, { 'content-type': 'application/octet-stream', connection: 'close' })
    answer.pipe(response)
  })
  asked.once('timeout', () => asked.destroy(new Error('no answer')))
  asked.once('error', () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502, { connection: 'close' }).end()
  })
  asked.once('close', () => underWay--)
  asked.end()
  return true
}
