import type { Finding } from '@portcullis/kernel'
import type { ClientCertificateOptions } from './certificate.ts'

/** Rules between the names of client certificates. */
export function checkCertificates({ identities }: Readonly<ClientCertificateOptions>): Finding[] {
  const seen = new Set<string>()
  return identities.flatMap(({ name }, index): Finding[] => {
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    const at = `/clientCertificate/identities/${index}`
    const message = 'is the name of an earlier entry; remove this one'
    return [{ at: `${at}/name`, rule: 'repeated-name', message, fix: [{ op: 'remove', path: at }] }]
  })
}
