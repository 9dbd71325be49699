import { UnsafePlace, Tokenizer, type Context } from './contexts.ts'
import { errors } from './errors.ts'
import { escapeHtml, jsonForScript, linkable, urlPart } from './escape.ts'
import { sanitizeHtml, type SanitizeOptions } from './sanitize.ts'

let make: (text: string) => SafeHtml
let textOf: (value: SafeHtml) => string
let isSafe: (value: unknown) => value is SafeHtml

/** HTML that is safe to write between elements. Only this module makes it: JSON cannot look like it. */
export class SafeHtml {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  /** The HTML itself. */
  toString(): string {
    return this.#text
  }

  static {
    make = (text) => new SafeHtml(text)
    textOf = (value) => value.#text
    isSafe = (value): value is SafeHtml => typeof value === 'object' && value !== null && #text in value
  }
}

/** What an `html` template writes; everything but `SafeHtml` is data. Nothing is written for null, undefined, booleans. */
export type HtmlValue = SafeHtml | string | number | bigint | boolean | null | undefined | readonly HtmlValue[]

const compiled = new WeakMap<TemplateStringsArray, readonly Context[]>()

function compile(parts: TemplateStringsArray): readonly Context[] {
  const tokenizer = new Tokenizer()
  const contexts: Context[] = []
  try {
    parts.raw.forEach((_, index) => {
      const part = parts[index]
      if (part === undefined) throw new UnsafePlace('beside an escape sequence that is none')
      tokenizer.read(part)
      if (index < parts.length - 1) contexts.push(tokenizer.hole())
    })
    tokenizer.end()
  } catch (error) {
    if (!(error instanceof UnsafePlace)) throw error
    throw new errors.PTC_XSS_TEMPLATE_UNSAFE(`${error.message} (value ${contexts.length + 1})`)
  }
  compiled.set(parts, contexts)
  return contexts
}

/**
 * HTML from a template: each value is escaped for the place where it stands. Between elements and in quoted attributes
 * it becomes text; a whole URL is checked for its scheme, a part of one is percent-encoded; in
 * `<script type="application/json">` it becomes JSON. Templates nest, and lists are joined.
 * @returns `SafeHtml`; `String(page)` is what to send
 * @throws PTC_XSS_TEMPLATE_UNSAFE when a template is first used in which a value stands where nothing makes it safe:
 * in a script, a style, an event handler, a comment, a name, or an attribute without quotes
 * @example html`<a href="/users/${id}" title="${name}">${name}</a>`
 */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): SafeHtml {
  // A real template's parts are frozen, and made by the engine alone: an object of data's would be escaped as nothing.
  if (!Array.isArray(parts) || !Object.isFrozen(parts) || !Array.isArray(parts.raw))
    throw new TypeError('html is a template tag: html`…`')
  const contexts = compiled.get(parts) ?? compile(parts)
  let text = parts[0] as string
  for (let i = 0; i < contexts.length; i++) text += write(contexts[i] as Context, values[i]) + (parts[i + 1] as string)
  return make(text)
}

function write(context: Context, value: unknown): string {
  switch (context) {
    case 'text':
      return between(value)
    case 'link':
      return escapeHtml(linkable(plain(value)))
    case 'first-segment':
      return urlPart(plain(value)) || '.'
    case 'link-part':
      return urlPart(plain(value))
    case 'json':
      return jsonForScript(value)
    default:
      return escapeHtml(plain(value))
  }
}

function between(value: unknown): string {
  if (isSafe(value)) return textOf(value)
  if (Array.isArray(value)) return value.map(between).join('')
  return escapeHtml(plain(value))
}

/** Data as text. Objects say nothing a reader wants, and may say it through a `toString` of their own. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined || typeof value === 'boolean') return ''
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (isSafe(value)) return textOf(value)
  throw new TypeError('a value of an html template is text, a number, a list, or html`…`')
}

/**
 * What is left of HTML that somebody else wrote, as a value for `html`.
 * @throws TypeError as `sanitizeHtml`
 * @example html`<article>${richText(post.body, { profile: 'article' })}</article>`
 */
export function richText(text: string, options?: SanitizeOptions): SafeHtml {
  return make(sanitizeHtml(text, options))
}

/** Writes HTML as it is. Only for what no stranger can have had a part in. */
export function dangerouslyTrustHtml(text: string): SafeHtml {
  return make(text)
}
