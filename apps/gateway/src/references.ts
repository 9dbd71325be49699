import { resolve } from 'node:path'
import { readText } from './text-file.ts'

/** `${NAME}`, `${file:path}`; `$${` is a plain `${`, and one that nothing closes is a mistake. */
const REFERENCE = /\$(\$\{|\{(?<file>file:)?(?<name>[^{}]*)\}|\{)/g
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Where references lead. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** What relative paths begin at. */
  readonly folder: string
  /** Told of each file before it is read. */
  readonly onFile?: (path: string) => void
  /** Told of each value, and of the reference that it stands behind. */
  readonly onValue?: (value: string, reference: string) => void
}

/** A text with its references followed, or what is wrong with them. */
export type Followed =
  | { readonly text: string; readonly whole: 'variable' | 'file' | null }
  | { readonly fault: string }

/** Whether a text has references. */
export function hasReferences(text: string): boolean {
  return text.includes('${')
}

/** Follows the references of a text. No value is ever part of a fault. */
export function follow(text: string, { env, folder, onFile, onValue }: Surroundings): Followed {
  const faults: string[] = []
  let whole: 'variable' | 'file' | null = null
  const followed = text.replaceAll(REFERENCE, (match, _inner, _file, _name, _at, _all, groups: Groups) => {
    if (match === '$${') return '${'
    if (match === '${') {
      faults.push('${ is not closed, or stands within another; write $${ for a plain ${')
      return ''
    }
    const { file, name } = groups
    if (match.length === text.length) whole = file === undefined ? 'variable' : 'file'
    if (file !== undefined) {
      try {
        const path = resolve(folder, name)
        onFile?.(path)
        // Editors and secret stores end files with a line break that belongs to no secret.
        const content = readText(path).replace(/\r?\n$/, '')
        // As a variable: nobody means it, and a file that is just being written is read so.
        if (content === '') faults.push(`the file ${name} is empty`)
        onValue?.(content, match)
        return content
      } catch (error) {
        faults.push(`the file ${name} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}`)
        return ''
      }
    }
    if (!NAME.test(name)) {
      faults.push(`\${${name}} is not the name of a variable; write $\${ for a plain \${`)
      return ''
    }
    const value = env[name]
    if (value === undefined || value === '') faults.push(`the variable ${name} is not set`)
    onValue?.(value ?? '', match)
    return value ?? ''
  })
  return faults.length > 0 ? { fault: faults.join('; ') } : { text: followed, whole }
}

interface Groups {
  readonly file?: string
  readonly name: string
}
