import { fileURLToPath } from 'node:url'
import { developmentCertificates } from '@portcullis/https'
import { names } from './addresses.ts'

/** A server's key and certificate, PEM. */
export interface LeafCertificate {
  readonly key: string
  readonly cert: string
}

/** A certificate for each server of the demo, all from one development CA. */
export interface Certificates {
  readonly gateway: LeafCertificate
  readonly app: LeafCertificate
  readonly userService: LeafCertificate
  readonly paymentService: LeafCertificate
  /** The CA's certificate, PEM, and the file it lies in. */
  readonly ca: string
  readonly caFile: string
}

/** The folder that Git ignores. It stays, so that a browser that trusts the CA need not be told again. */
const standardFolder = fileURLToPath(new URL('../../../.portcullis', import.meta.url))

/** Makes them, or reads those of an earlier run. */
export async function createCertificates(folder: string = standardFolder): Promise<Certificates> {
  const leaf = (...hosts: string[]) => developmentCertificates(folder, { hosts })
  const [gateway, app, userService, paymentService] = await Promise.all([
    leaf(names.local, names.api, '127.0.0.1', '::1'),
    leaf(names.app),
    // By its address too: where the gateway fetches the keys of access tokens.
    leaf(names.userService, '127.0.0.1'),
    leaf(names.paymentService),
  ])
  return { gateway, app, userService, paymentService, ca: gateway.ca, caFile: gateway.caFile }
}
