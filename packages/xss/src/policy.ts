import {
  isJson,
  isText,
  LONGEST_MEDIA_TYPE,
  parseMediaType,
  saysNothing,
  scriptable,
  type Scriptable,
} from './media-type.ts'

/** Which documents a policy lets leave, and how strictly. */
export type Allowed = { readonly [Kind in Scriptable]?: boolean } & { readonly strict?: boolean }

/** What becomes of an answer with a certain Content-Type. */
export interface Decision {
  /** The Content-Type to write instead, of what is refused too, for a report lets it leave; null: the one it has. */
  readonly type: string | null
  /** Why the answer may not leave; null: it may. */
  readonly refused: 'undeclared' | 'untyped' | null
  /** What it would have been, for the event. */
  readonly kind: Scriptable | null
}

/** Decides over one Content-Type as the handler left it; undefined: it left none. */
export type Policy = (contentType: unknown) => Decision

/** What browsers neither show nor run, but save. */
export const BYTES = 'application/octet-stream'

const KEEP: Decision = Object.freeze({ type: null, refused: null, kind: null })
const UNTYPED: Decision = Object.freeze({ type: BYTES, refused: 'untyped', kind: null })
const AS_BYTES: Decision = Object.freeze({ type: BYTES, refused: null, kind: null })

/** A handler may take types from a file or a database: what is remembered of them is bounded. */
const REMEMBERED = 256

const isShort = (contentType: unknown): boolean =>
  typeof contentType === 'string' && contentType.length <= LONGEST_MEDIA_TYPE

/** Turns options into a decision. Each distinct Content-Type is decided once. */
export function compilePolicy(allowed: Allowed): Policy {
  const known = new Map<unknown, Decision>()
  return (contentType) => {
    const before = known.get(contentType)
    if (before !== undefined) return before
    const decision = decide(contentType, allowed)
    if (known.size < REMEMBERED && (contentType === undefined || isShort(contentType))) known.set(contentType, decision)
    return decision
  }
}

function decide(contentType: unknown, allowed: Allowed): Decision {
  // A field written as a list leaves as several lines, of which a browser takes one.
  const parsed = typeof contentType === 'string' ? parseMediaType(contentType) : null
  if (parsed === null || saysNothing(parsed.essence)) return allowed.strict === true ? UNTYPED : AS_BYTES
  const { essence, charset } = parsed
  if (isJson(essence)) return KEEP
  const kind = scriptable(essence)
  // Without a charset, or with one in which other bytes mean `<` (UTF-7, ISO-2022-JP, UTF-16), text that was harmless
  // when it was escaped is markup when it is read (Encoding §8, WHATWG HTML §13.2.3.2).
  const type = isText(essence) && charset !== 'utf-8' ? `${essence}; charset=utf-8` : null
  if (kind !== null && allowed[kind] !== true) return { type, refused: 'undeclared', kind }
  return type === null ? KEEP : { type, refused: null, kind }
}
