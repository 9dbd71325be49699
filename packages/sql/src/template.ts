/** Why a template cannot be part of a query. */
export type TemplateFault = 'stacked-statements' | 'value-in-quotes' | 'unclosed'

/**
 * Whether these are the strings of a template literal in somebody's source. ECMAScript freezes them, and hangs the raw
 * strings on them in a property that is neither writable nor enumerable (ECMA-262 §13.2.8.4): no parser of data makes that.
 */
export function isTemplate(strings: unknown): strings is TemplateStringsArray {
  if (!Array.isArray(strings) || !Object.isFrozen(strings)) return false
  const raw = Object.getOwnPropertyDescriptor(strings, 'raw')
  return (
    raw !== undefined &&
    !raw.enumerable &&
    Array.isArray(raw.value) &&
    Object.isFrozen(raw.value) &&
    raw.value.length === strings.length &&
    // A tag is given undefined for what is no valid escape sequence.
    strings.every((text) => typeof text === 'string')
  )
}

const DOLLAR = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/

/** Where a quoted part that starts at `at` ends, -1 if it does not (PostgreSQL, Lexical Structure). */
function endOfQuoted(text: string, at: number, escapes: boolean): number {
  const quote = text[at]
  for (let i = at + 1; i < text.length; i++) {
    if (escapes && text[i] === '\\') i++
    else if (text[i] === quote) {
      if (text[i + 1] !== quote) return i + 1
      i++
    }
  }
  return -1
}

function endOfComment(text: string, at: number): number {
  let depth = 0
  for (let i = at; i < text.length; i++) {
    if (text.startsWith('/*', i)) depth++
    else if (text.startsWith('*/', i)) {
      if (--depth === 0) return i + 2
    } else continue
    i++
  }
  return -1
}

/** The end of what is opaque at `at`: a quoted text, a comment. Undefined: it is plain there. -1: it never ends. */
function opaque(text: string, at: number): number | undefined {
  const char = text[at]
  if (char === "'" || char === '"') {
    const escapes = char === "'" && /(?:^|[^\w$])[eE]$/.test(text.slice(Math.max(0, at - 2), at))
    return endOfQuoted(text, at, escapes)
  }
  if (text.startsWith('--', at)) {
    const end = text.indexOf('\n', at)
    return end === -1 ? -1 : end + 1
  }
  if (text.startsWith('/*', at)) return endOfComment(text, at)
  if (char !== '$' || /[\w$]/.test(text[at - 1] ?? '')) return undefined
  const tag = DOLLAR.exec(text.slice(at, at + 66))?.[0]
  if (tag === undefined) return undefined
  const end = text.indexOf(tag, at + tag.length)
  return end === -1 ? -1 : end + tag.length
}

/**
 * Looks for what a template of one statement never has: a second statement, a value between quotes or in a comment, a
 * quote that is never closed. Every piece between two values must be whole in itself.
 */
export function faultOfTemplate(strings: readonly string[]): TemplateFault | null {
  let ended = false
  for (let part = 0; part < strings.length; part++) {
    const text = strings[part] ?? ''
    for (let i = 0; i < text.length;) {
      const end = opaque(text, i)
      if (end === -1) return part < strings.length - 1 ? 'value-in-quotes' : 'unclosed'
      const quoted = text[i] === "'" || text[i] === '"' || text[i] === '$'
      if (ended && (end === undefined ? !/\s/.test(text[i] ?? '') && text[i] !== ';' : quoted))
        return 'stacked-statements'
      if (end === undefined && text[i] === ';') ended = true
      i = end ?? i + 1
    }
    if (ended && part < strings.length - 1) return 'stacked-statements'
  }
  return null
}

/** Templates that were found good, by identity; and by their text, for the copies that plugins of Kysely make. */
const known = new WeakSet<readonly string[]>()
const texts = new Set<string>()
const textOf = (strings: readonly string[]): string => [strings.length, ...strings].join('\0')

/**
 * Examines the strings of a template once, and remembers them.
 * @returns what is wrong with them, null if nothing is
 */
export function admit(strings: readonly string[]): string | null {
  if (known.has(strings)) return null
  if (!isTemplate(strings)) return texts.has(textOf(strings)) ? null : 'raw-text'
  const fault = faultOfTemplate(strings)
  if (fault !== null) return fault
  known.add(strings)
  texts.add(textOf(strings))
  return null
}
