import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const PATTERN = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})+$`)

/** Whether a text is a name in lower case, or a wildcard for one label (RFC 9525 §6.3). */
export function isServerName(text: string): boolean {
  return text.length <= 253 && PATTERN.test(text) && isIP(text) === 0
}

/**
 * Finds what belongs to the name that a client asked for (RFC 6066 §3): the exact name, else the wildcard for its
 * first label, else nothing.
 */
export function byServerName<T>(entries: ReadonlyMap<string, T>): (servername: string) => T | undefined {
  return (servername) => {
    const name = servername.toLowerCase()
    const exact = entries.get(name)
    if (exact !== undefined) return exact
    const dot = name.indexOf('.')
    return dot < 1 ? undefined : entries.get(`*${name.slice(dot)}`)
  }
}

/** The hosts that a certificate does not cover. Hosts: names, wildcards, addresses, IPv6 in brackets or bare. */
export function uncovered(leaf: X509Certificate, hosts: readonly string[]): string[] {
  return hosts.filter((host) => {
    const bare = host.startsWith('[') ? host.slice(1, -1) : host
    if (isIP(bare) !== 0) return leaf.checkIP(bare) === undefined
    // A wildcard is covered if any name under it is; nobody calls a host like this.
    const name = bare.startsWith('*.') ? `portcullis-any-name${bare.slice(1)}` : bare
    return leaf.checkHost(name, { subject: 'never' }) === undefined
  })
}

/** The names in a certificate, without their kind. */
export function namesOf(leaf: X509Certificate): string[] {
  return (leaf.subjectAltName ?? '')
    .split(', ')
    .filter((one) => one !== '')
    .map((one) => one.replace(/^(DNS|IP Address):/, ''))
}
