import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

/** Milliseconds between looks. */
const LOOK = 250
/** Looks without a change after one: editors and deployments write a file in several steps. */
const QUIET = 1
/** Looks after which files that never come to rest are read all the same. */
const PATIENCE = 20

interface Stats {
  readonly dev: bigint
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

/** What a file was known by, before it was read. */
export type Prints = Map<string, string>

const print = ({ dev, ino, size, mtimeNs, ctimeNs }: Stats): string => [dev, ino, size, mtimeNs, ctimeNs].join(' ')

/** To be asked before a file is read: what changes while it is read is seen then. */
export function printOf(path: string): string {
  try {
    return print(statSync(path, { bigint: true }))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

async function look(path: string): Promise<string> {
  try {
    return print(await stat(path, { bigint: true }))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

/**
 * Calls back when a file has changed: written over, renamed over, or reached over a link that is switched, however far up
 * (Kubernetes switches `..data`, deployments `current`). It looks instead of being told: file systems over a network
 * tell nothing, and a container may have no watches left.
 */
export class FileWatch {
  readonly #changed: () => void
  readonly #timer: NodeJS.Timeout
  #known: Prints
  #looking = false
  /** Looks since the first change that was not called back yet. */
  #since = 0
  #quiet = 0

  /** @param files absolute paths, with what each was known by when it was read */
  constructor(files: Prints, changed: () => void) {
    this.#known = new Map(files)
    this.#changed = changed
    this.#timer = setInterval(() => void this.#look(), LOOK).unref()
  }

  /** Looks after these from now on. */
  follow(files: Prints): void {
    this.#known = new Map(files)
  }

  /** Looks after these too: what a reading that failed has read. */
  followToo(files: Prints): void {
    for (const [path, known] of files) this.#known.set(path, known)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    // A file system that hangs is not asked twice.
    if (this.#looking) return
    this.#looking = true
    const known = this.#known
    let changed = false
    await Promise.all(
      [...known].map(async ([path, before]) => {
        const now = await look(path)
        if (now === before) return
        changed = true
        known.set(path, now)
      }),
    )
    this.#looking = false
    if (!changed && this.#since === 0) return
    this.#since++
    this.#quiet = changed ? 0 : this.#quiet + 1
    if (this.#quiet < QUIET && this.#since < PATIENCE) return
    this.#since = 0
    this.#quiet = 0
    this.#changed()
  }
}
