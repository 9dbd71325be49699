/** RFC 3986 §3.2.2: a registered name, an IPv4 address or an address in brackets, then perhaps a port; or nothing. */
export function isHost(host: string): boolean {
  return /^(?:[\w.~!$&'()*+,;=%-]*|\[[\dA-Fa-f:.]+\])(?::\d{0,5})?$/.test(host)
}
