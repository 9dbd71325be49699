import { Buffer } from 'node:buffer'
import { escapeHtml } from './escape.ts'
import { isProfile, type Profile, sanitizeBy } from './profiles.ts'

/** How `sanitizeHtml` sanitises. */
export interface SanitizeOptions {
  /** What is left. Default: `basic`. */
  readonly profile?: Profile
  /** Longest input, in bytes of UTF-8, whose markup is looked at. Default: 100,000. */
  readonly maxBytes?: number
  /** Most elements inside one another. Default: 100. */
  readonly maxDepth?: number
}

const MAX_BYTES = 100_000
const MAX_DEPTH = 100
const MARKUP = /[<>&\0]/
const TOO_DEEP = new Error('too deep')

/**
 * What is left of HTML that somebody else wrote: elements and attributes of the profile's list, nothing that runs. Text
 * of sanitised HTML may stand between elements, not in an attribute. Input beyond a cap is not cut: it is shown as text,
 * markup and all.
 * @returns HTML; the same again if sanitised again
 * @throws TypeError for what is not a string
 * @example sanitizeHtml('<b onclick=alert(1)>Hi</b><script>alert(1)</script>') // <b>Hi</b>
 */
export function sanitizeHtml(html: string, options: SanitizeOptions = {}): string {
  const { profile = 'basic', maxBytes = MAX_BYTES, maxDepth = MAX_DEPTH } = options
  if (typeof html !== 'string') throw new TypeError('sanitizeHtml takes a string')
  if (!isProfile(profile)) throw new TypeError('profile is one of text, basic, article')
  if (!MARKUP.test(html)) return html
  if (html.length > maxBytes || Buffer.byteLength(html) > maxBytes) return escapeHtml(html)
  // The parser looks for the end of an element among all that are open: without a bound on them, in quadratic time.
  let depth = 0
  try {
    return sanitizeBy(profile, html, {
      onOpenTag: () => {
        depth += 1
        if (depth > maxDepth) throw TOO_DEEP
      },
      onCloseTag: () => {
        depth -= 1
      },
    })
  } catch (error) {
    if (error === TOO_DEEP) return escapeHtml(html)
    throw error
  }
}
