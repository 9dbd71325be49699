/** Names and addresses of this machine. */
const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/

/**
 * What is wrong with a URL that something is to be fetched from, or null.
 *
 * It comes from the options, so its host is the operator's own choice, and no address is refused: what proves that the
 * right server answers is its certificate, which is made for that name. Hence https, and nothing in the URL that a log
 * must not show.
 * @param allowHttp plain http too, from this machine only
 */
export function faultOfUrl(text: string, allowHttp: boolean): string | null {
  if (!URL.canParse(text)) return 'is not a URL'
  const { protocol, hostname, username, password, hash } = new URL(text)
  if (username !== '' || password !== '') return 'holds credentials'
  if (hash !== '') return 'has a fragment'
  if (protocol === 'https:') return null
  if (protocol !== 'http:') return 'is not https'
  if (!allowHttp) return 'is not https: whoever is on the way could answer instead'
  return LOOPBACK.test(hostname) ? null : 'is plain http to another machine'
}
