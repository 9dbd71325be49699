/** As much of a request as tells whether a body follows. */
interface Begun {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Of HTTP/2. */
  readonly stream?: unknown
}

const NOTHING = /^0+$/

/**
 * Whether a request brings a body: HTTP/1.1 declares it in its fields (RFC 9112 §6.3); a stream of HTTP/2 ends with its
 * fields or goes on, whether it tells a length or not (RFC 9113 §8.1.1). One whose declared length is 0 is none.
 * @param raw Node's request
 */
export function bringsBody(raw: object): boolean {
  const { headers = {}, stream } = raw as Partial<Begun>
  const length = headers['content-length'] as string | undefined
  if (length !== undefined) return !NOTHING.test(length)
  if (headers['transfer-encoding'] !== undefined) return true
  return (stream as { endAfterHeaders?: boolean } | undefined)?.endAfterHeaders === false
}
