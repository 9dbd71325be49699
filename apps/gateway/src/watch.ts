import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Milliseconds after the last change: editors and deployments write a file in several steps. */
const SETTLED = 200

/**
 * Calls back when one of these files has changed, also when it was replaced by another of its name, as editors and
 * Kubernetes do.
 * @param files absolute paths
 * @returns ends it
 */
export function watchFiles(files: readonly string[], changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const names = new Map<string, Set<string>>()
  for (const file of files) names.set(dirname(file), (names.get(dirname(file)) ?? new Set()).add(basename(file)))
  const watchers = [...names].map(([folder, known]) =>
    // A mounted ConfigMap swaps a link beside the file, `..data`: the file's own name never comes up.
    watch(folder, (_event, what) => {
      if (what !== null && what !== '..data' && !known.has(what)) return
      clearTimeout(timer)
      timer = setTimeout(changed, SETTLED)
    }),
  )
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}
