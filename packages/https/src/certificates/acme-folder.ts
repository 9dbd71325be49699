import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errors } from '../errors.ts'
import type { Material } from './chain.ts'

/** Where an ACME account and its certificates are kept between starts. */
export interface AcmeFolder {
  /** The account's private key, or undefined if there is no account yet. */
  account(): Promise<string | undefined>
  /** The same; made and kept if there is none. */
  accountOr(make: () => Promise<string>): Promise<string>
  /** The pair that was obtained last, or undefined. */
  pair(): Promise<Material | undefined>
  keepPair(pair: { readonly key: string; readonly cert: string }): Promise<void>
  /** What went wrong before this start, or undefined. */
  failure(): Promise<Failure | undefined>
  /** Undefined forgets. */
  keepFailure(failure: Failure | undefined): Promise<void>
}

/** Failures in a row, and when to try next, in milliseconds since the epoch. */
export interface Failure {
  readonly failures: number
  readonly next: number
}

/**
 * Opens a folder; its files hold private keys, so only their owner may read them. An account belongs to its directory,
 * a pair to its directory and hosts: staging and production stay apart.
 * @throws PTC_HTTPS_KEY_EXPOSED if a file is readable by others
 */
export async function openAcmeFolder(dir: string, directory: string, hosts: readonly string[]): Promise<AcmeFolder> {
  const folder = resolve(dir)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(join(folder, '.gitignore'), '*\n')
  const authority = `${new URL(directory).hostname}-${digest(directory)}`
  const accountFile = join(folder, `account-${authority}.key.pem`)
  const pairFile = join(folder, `${hosts[0]}-${digest([directory, ...hosts.toSorted()].join('\n'))}.pem`)
  const failureFile = `${pairFile}.failed`
  return {
    account: () => readOwn(accountFile),
    accountOr: (make) =>
      oneByOne(accountFile, async () => {
        const known = await readOwn(accountFile)
        if (known !== undefined) return known
        const key = await make()
        // Before it is used: an account whose key is lost cannot be closed any more.
        await replace(accountFile, key)
        return key
      }),
    async pair() {
      // One file, so that key and certificate are replaced together.
      const text = await readOwn(pairFile)
      const [key, ...certificates] = text?.split(/(?=-----BEGIN CERTIFICATE-----)/) ?? []
      return key === undefined || certificates.length === 0 ? undefined : { key, cert: certificates.join('') }
    },
    keepPair: ({ key, cert }) => replace(pairFile, `${key.trim()}\n${cert}`),
    async failure() {
      const [failures, next] = (await readOwn(failureFile))?.split(' ').map(Number) ?? []
      return Number.isSafeInteger(failures) && Number.isSafeInteger(next)
        ? { failures: failures as number, next: next as number }
        : undefined
    },
    async keepFailure(failure) {
      if (failure === undefined) await rm(failureFile, { force: true })
      else await replace(failureFile, `${failure.failures} ${failure.next}`)
    },
  }
}

const turns = new Map<string, Promise<unknown>>()

/** Sources for several names start together and share an account: the second one waits for the first one's key. */
function oneByOne<T>(file: string, act: () => Promise<T>): Promise<T> {
  const turn = (turns.get(file) ?? Promise.resolve()).then(act, act)
  turns.set(file, turn)
  return turn.finally(() => turns.get(file) === turn && turns.delete(file))
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

async function readOwn(file: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(file)
    // Windows keeps no such mode.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw new errors.PTC_HTTPS_KEY_EXPOSED(file)
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function replace(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
    await rename(draft, file)
  } catch (error) {
    await unlink(draft).catch(() => {})
    throw error
  }
}
