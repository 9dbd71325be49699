import { BYTES } from './policy.ts'
import { isText, parseMediaType, scriptable } from './media-type.ts'

/** A file that somebody else has made, as it is offered for saving. */
export interface Download {
  /** The name it is saved under; made harmless. Default: `download`. */
  readonly name?: string
  /** Its type. One that may run leaves as `application/octet-stream`. Default: that. */
  readonly type?: string
}

/**
 * A document of an origin of its own, in which nothing runs (CSP3, sandbox): should a browser open the file after all.
 */
const SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** Longest name, in characters. */
const LONGEST = 120

/** What is looked at of a name, in UTF-16 code units: enough for the longest, and an end for the slowest. */
const READ = 1000

/**
 * A file name that says nothing but a name: no path (RFC 6266 §4.3), no controls, no marks that turn the direction of
 * writing and show `exe.gpj` as `gpj.exe`, nothing that a shell or a file system reads apart.
 */
export function harmlessName(name: string): string {
  // Of a long name the beginning and the extension are kept.
  const clean = (name.length > READ ? name.slice(0, READ / 2) + name.slice(-READ / 2) : name)
    .toWellFormed()
    .normalize('NFC')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .replaceAll(/[/\\:*?"<>|]/g, '_')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/^[ .~-]+|[ .]+$/g, '')
  if (clean === '') return 'download'
  const characters = Array.from(clean)
  if (characters.length <= LONGEST) return clean
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(clean)?.[0] ?? ''
  return characters.slice(0, LONGEST - extension.length).join('') + extension
}

/** `attachment` with the name twice: in ASCII for the old, in UTF-8 for everybody (RFC 6266 §4.3, Appendix D). */
export function contentDisposition(name: string): string {
  const harmless = harmlessName(name)
  // Some browsers decode percent signs in the plain form, others do not: neither sees one.
  const ascii = harmless.replaceAll(/[^\x20-\x7e]/g, '_').replaceAll('%', '_')
  if (ascii === harmless) return `attachment; filename="${ascii}"`
  // RFC 8187 §3.2.1: attr-char is what encodeURIComponent leaves, without ' ( ) *.
  const encoded = encodeURIComponent(harmless).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}

/** The fields of an answer that is saved, not shown. */
export function downloadFields({ name = 'download', type = BYTES }: Download): Readonly<Record<string, string>> {
  const parsed = parseMediaType(type)
  const kept =
    parsed === null || scriptable(parsed.essence) !== null
      ? BYTES
      : isText(parsed.essence)
        ? `${parsed.essence}; charset=utf-8`
        : parsed.essence
  return {
    'content-type': kept,
    'content-disposition': contentDisposition(name),
    'content-security-policy': SANDBOX,
    'x-content-type-options': 'nosniff',
  }
}
