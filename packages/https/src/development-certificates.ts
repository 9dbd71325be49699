import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { link, mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { LEAF_DAYS, makeAuthority, makeLeaf, RENEWAL_DAYS, type KeyAndCertificate } from './certificate-authority.ts'
import { errors } from './errors.ts'
import { refusedHost } from './name-constraints.ts'

/** A certificate for development, with the CA that clients have to trust. PEM throughout. */
export interface DevelopmentCertificates {
  /** Private key of the server. */
  readonly key: string
  /** Certificate of the server. */
  readonly cert: string
  /** Certificate of the CA, for clients (`ca:` of Node's TLS, `curl --cacert`). */
  readonly ca: string
  /** Where `ca` lies. */
  readonly caFile: string
  /** False if the files of an earlier call were still good. */
  readonly renewed: boolean
}

const DAY = 86_400_000
/** Calls of one process on one folder wait for each other; processes are kept apart by the file system. */
const queues = new Map<string, Promise<unknown>>()

/**
 * Makes a certificate authority and a server certificate **for development only**, and keeps them in a folder that
 * Git ignores: `ca.pem` is for clients to trust, the other files hold private keys and are readable by you alone.
 * Files are used again while they are good: the CA stays, a server certificate is renewed 30 days before it ends or
 * when its hosts change. The CA can vouch only for development names and private addresses (RFC 5280 §4.2.1.10).
 * @param dir the folder, such as `.portcullis`; made if it is missing
 * @param given.hosts names, wildcards (`*.app.localhost`) and addresses of one server; call again for another server
 * @param given.now the time
 * @throws PTC_HTTPS_DEVELOPMENT_HOST_REFUSED for a host that could be somebody else's, PTC_HTTPS_KEY_EXPOSED if a key
 *   on disk is readable by others
 * @example
 * const { key, cert } = await developmentCertificates('.portcullis', { hosts: ['localhost', '127.0.0.1'] })
 * const app = Fastify({ https: tlsServerOptions({ key, cert }) })
 */
export async function developmentCertificates(
  dir: string,
  { hosts, now = new Date() }: { readonly hosts: readonly string[]; readonly now?: Date },
): Promise<DevelopmentCertificates> {
  if (hosts.length === 0) throw new errors.PTC_HTTPS_DEVELOPMENT_HOST_REFUSED('an empty list', 'a server needs a host')
  for (const host of hosts) {
    const reason = refusedHost(host)
    if (reason !== undefined) throw new errors.PTC_HTTPS_DEVELOPMENT_HOST_REFUSED(JSON.stringify(host), reason)
  }
  const folder = resolve(dir)
  const before = queues.get(folder) ?? Promise.resolve()
  const made = before.then(() => provide(folder, hosts, now))
  queues.set(
    folder,
    made.catch(() => {}),
  )
  return made
}

async function provide(folder: string, hosts: readonly string[], now: Date): Promise<DevelopmentCertificates> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(join(folder, '.gitignore'), '*\n')
  const authority = await provideAuthority(folder, now)
  const caFile = join(folder, 'ca.pem')
  if ((await readFile(caFile, 'utf8').catch(() => '')) !== authority.cert) await replace(caFile, authority.cert, 0o644)

  const file = join(folder, `${(hosts[0] as string).replace('*', '_').replaceAll(':', '-')}.key.pem`)
  const known = await readPair(file)
  if (known !== undefined && leafHolds(known, authority, hosts, now)) {
    return { ...known, ca: authority.cert, caFile, renewed: false }
  }
  const leaf = await makeLeaf(authority, hosts, now)
  await replace(file, leaf.key + leaf.cert, 0o600)
  return { ...leaf, ca: authority.cert, caFile, renewed: true }
}

async function provideAuthority(folder: string, now: Date): Promise<KeyAndCertificate> {
  const file = join(folder, 'ca.key.pem')
  const known = await readPair(file)
  // A CA about to end is replaced while every leaf can still live its full time.
  if (known !== undefined && lives(known.cert, now, LEAF_DAYS)) return known
  const made = await makeAuthority(now)
  if (known !== undefined) {
    await replace(file, made.key + made.cert, 0o600)
    return made
  }
  // Two processes may start at once: whoever links the name first has made the CA.
  const draft = await write(file, made.key + made.cert, 0o600)
  const first = await link(draft, file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false
      throw error
    },
  )
  await unlink(draft)
  return first ? made : ((await readPair(file)) ?? made)
}

/** Key and certificate in one file, so that they are replaced together. */
async function readPair(file: string): Promise<KeyAndCertificate | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const { mode } = await stat(file)
  // Windows keeps no such mode.
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw new errors.PTC_HTTPS_KEY_EXPOSED(file)
  const [key, cert] = text.split(/(?=-----BEGIN CERTIFICATE-----)/)
  try {
    if (key !== undefined && cert !== undefined && new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      return { key, cert }
    }
  } catch {
    // A file that was cut short or edited is replaced.
  }
  return undefined
}

function lives(cert: string, now: Date, days: number): boolean {
  const { validFromDate, validToDate } = new X509Certificate(cert)
  return validFromDate <= now && validToDate.getTime() - now.getTime() > days * DAY
}

function leafHolds(
  leaf: KeyAndCertificate,
  authority: KeyAndCertificate,
  hosts: readonly string[],
  now: Date,
): boolean {
  const certificate = new X509Certificate(leaf.cert)
  const issuer = new X509Certificate(authority.cert)
  const covers = new Set(hosts.map(canonical))
  const covered = (certificate.subjectAltName ?? '')
    .split(', ')
    .map((one) => canonical(one.replace(/^(DNS|IP Address):/, '')))
  return (
    lives(leaf.cert, now, RENEWAL_DAYS) &&
    certificate.checkIssued(issuer) &&
    certificate.verify(issuer.publicKey) &&
    covered.length === covers.size &&
    covered.every((one) => covers.has(one))
  )
}

/** One spelling for an IPv6 address. */
function canonical(host: string): string {
  return host.includes(':') ? new URL(`http://[${host}]`).hostname : host
}

async function write(file: string, text: string, mode: number): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, text, { mode, flag: 'wx' })
  return draft
}

async function replace(file: string, text: string, mode: number): Promise<void> {
  await rename(await write(file, text, mode), file)
}
