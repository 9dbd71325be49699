import { resolve } from 'node:path'

/**
 * Has the paths of a TLS section begin at the file's folder, wherever the process was started.
 * @returns its files, absolute
 */
export function resolveFiles(tls: unknown, folder: string): string[] {
  if (typeof tls !== 'object' || tls === null) return []
  return Object.entries(tls).flatMap(([name, value]) => {
    if (typeof value !== 'string') return resolveFiles(value, folder)
    if (!/(?:File|[Ff]older)$/.test(name)) return []
    const path = resolve(folder, value)
    Object.assign(tls, { [name]: path })
    return name.endsWith('File') ? [path] : []
  })
}
