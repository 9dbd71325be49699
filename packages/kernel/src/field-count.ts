import type { IncomingMessage, Server } from 'node:http'

/** Fields that Node keeps of a header section, unless `server.maxHeadersCount` says otherwise. */
const MOST = 1_000

/**
 * Whether a request of HTTP/1 has as many fields as the server reads. The newest versions of Node answer 431 to one
 * field more; others (22 before 22.23.2, 24 before 24.19) leave out the rest without a word, perhaps what a proxy has
 * appended to speak for the client.
 */
export function isCutOff({ rawHeaders, httpVersionMajor, socket }: IncomingMessage): boolean {
  if (httpVersionMajor !== 1) return false
  const most = (socket as { server?: Pick<Server, 'maxHeadersCount'> } | undefined)?.server?.maxHeadersCount ?? MOST
  // Names and values in turn. Zero is no limit.
  return most > 0 && rawHeaders.length >= 2 * most
}
