import { watch, type FSWatcher } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { reasonOf, type Source, type SourceContext } from './source.ts'

/** Milliseconds without a change before files are read: a pair is written one after the other. */
const QUIET = 200
/** Milliseconds between looks at a pair that does not fit together, and how many before it counts as bad. */
const PATIENCE = 1000
const LOOKS = 10
/** Milliseconds between looks at files that were not seen to change: watching misses network and bind mounts. */
const POLL = 30_000

/**
 * A key and a certificate as files, wherever they lie: written over, renamed over, or reached over a symbolic link that
 * is switched, as Kubernetes does with `..data`.
 */
export function fileSource(files: {
  readonly keyFile: string
  readonly certFile: string
  readonly passphrase?: string
}): Source {
  const { keyFile, certFile, passphrase } = files
  const folders = [...new Set([keyFile, certFile].map((file) => dirname(file)))]
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: number }>()
  let context: SourceContext
  let cancelLook = (): void => {}
  let cancelPoll = (): void => {}
  let failure = ''
  let reading = false
  let again = false
  let stopped = false

  const look = (ms: number, looks: number): void => {
    cancelLook()
    if (!stopped) cancelLook = context.clock.after(ms, () => void read(looks))
  }

  async function read(looks: number): Promise<void> {
    if (reading) {
      again = true
      return
    }
    reading = true
    const last = looks <= 1
    let fits: boolean
    try {
      const [key, cert] = await Promise.all([readFile(keyFile), readFile(certFile)])
      if (stopped) return
      const offer = context.offer({ key, cert, ...(passphrase === undefined ? {} : { passphrase }) }, !last)
      fits = offer !== 'passing'
      failure = ''
    } catch (error) {
      fits = last || stopped
      const reason = reasonOf(error)
      // Told once, not at every look.
      if (last && !stopped && reason !== failure) context.failed((failure = reason))
    } finally {
      reading = false
    }
    if (again) look(QUIET, LOOKS)
    else if (!fits) look(PATIENCE, looks - 1)
    again = false
  }

  /** A folder that was replaced has another inode, and its watcher sees nothing any more. */
  async function watchFolder(folder: string): Promise<void> {
    const inode = await stat(folder).then(
      ({ ino }) => ino,
      () => undefined,
    )
    const known = watchers.get(folder)
    if (stopped || (known !== undefined && known.inode === inode)) return
    known?.watcher.close()
    watchers.delete(folder)
    if (inode === undefined) return
    try {
      const watcher = watch(folder, { persistent: false }, () => look(QUIET, LOOKS))
      watcher.on('error', () => watcher.close())
      watchers.set(folder, { watcher, inode })
    } catch {
      // Out of watches (ENOSPC) or a file system without them: the poll remains.
    }
  }

  const poll = (): void => {
    context.planned(null)
    cancelPoll = context.clock.after(POLL, () => {
      for (const folder of folders) void watchFolder(folder)
      look(0, LOOKS)
      poll()
    })
  }

  return {
    kind: 'files',
    async start(given) {
      context = given
      await Promise.all(folders.map(watchFolder))
      // After the watching begins, so that no change falls between. Mostly it is what runs already.
      look(0, LOOKS)
      poll()
    },
    stop() {
      stopped = true
      cancelLook()
      cancelPoll()
      for (const { watcher } of watchers.values()) watcher.close()
      watchers.clear()
    },
  }
}
