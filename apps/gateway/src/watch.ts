import { watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/** Milliseconds after the last change: editors and deployments write a file in several steps. */
const SETTLED = 200

/**
 * Calls back when a file has changed, also when it was replaced by another of its name, as editors and Kubernetes do.
 * @returns ends it
 */
export function watchFile(file: string, changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const name = basename(file)
  // A mounted ConfigMap swaps a link beside the file, `..data`: the file's own name never comes up.
  const watcher = watch(dirname(resolve(file)), (_event, what) => {
    if (what !== null && what !== name && what !== '..data') return
    clearTimeout(timer)
    timer = setTimeout(changed, SETTLED)
  })
  return () => {
    clearTimeout(timer)
    watcher.close()
  }
}
