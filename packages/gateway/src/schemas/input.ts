import type { IncomingHttpHeaders } from 'node:http'
import { namedByConnection } from '../request-fields.ts'
import type { Compiler, Judge } from './compiler.ts'
import type { Content, Described, Texts } from './described.ts'
import { type Fault, faultOf, type MessagePart } from './faults.ts'
import { readJson } from './json.ts'
import { lowerCased } from './header-schema.ts'
import { boundaryOf } from './multipart.ts'
import { PartsReader } from './parts-reader.ts'
import { membersIn, membersOf } from './members.ts'
import { type Place, placeIn } from './pointer.ts'
import { compileTexts, type TextReader } from './spellings.ts'
import { compileHiding, type Named, readQuery, readTexts, WITH_COMMAS } from './texts.ts'

/** The parts of a request that are text, as they came. */
export interface TextParts {
  /** The request target. */
  readonly url: string
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string | undefined>>
  readonly headers: IncomingHttpHeaders
}

/** How a body of one media type is taken. */
export interface Taking {
  readonly kind: Content['kind']
  /** What its bytes say, or why they may not pass. @param contentType of them */
  read(bytes: Buffer, contentType: string | undefined): { readonly value: unknown } | Fault
}

/** What requests of one route are held to. */
export interface Input {
  /** Judges what is no body. */
  readonly texts: (request: TextParts) => Fault | null
  /** Null: bodies pass unread. */
  readonly body: {
    readonly required: boolean
    /** How a body is taken; null: not at all. */
    readonly taking: (contentType: string | undefined) => Taking | null
    /** Whether any body is. */
    readonly none: boolean
  } | null
}

/** Compiles what is said of requests. */
export function compileInput(described: Described, compiler: Compiler): Input {
  const params = compilePart(described.params, compiler)
  const query = compilePart(described.query, compiler)
  const headers = compilePart(described.headers, compiler, true)
  const cookies = compilePart(described.cookies, compiler)
  return {
    texts: (request) =>
      (params === null ? null : judgeParams(params, request)) ??
      (query === null ? null : judgeQuery(query, request.url)) ??
      (headers === null ? null : judgeHeaders(headers, request.headers)) ??
      (cookies === null ? null : judgeCookies(cookies, request.headers.cookie)),
    body: described.body === null ? null : compileBody(described.body, compiler),
  }
}

/** What texts of one part are held to. */
export interface TextsJudge extends Judge {
  readonly readers: ReadonlyMap<string, TextReader>
  /** Whether a name that is not told is in the place of one that is. */
  readonly hides: (values: Named) => boolean
  /** Matches a path with an encoded delimiter, at which some cut before they decode, others after; null: there is none. */
  readonly encoded: RegExp | null
}

/** Compiles what is said of texts. @param ofFields whether they are header fields */
export function compilePart(texts: Texts | null, compiler: Compiler, ofFields = false): TextsJudge | null {
  if (texts === null) return null
  if ('properties' in texts) {
    const { properties, spellings } = texts
    const readers = compileTexts(Object.entries(properties), (name) => spellings[name] ?? 'repeated')
    return { ...compiler.compileMembers(texts), ...termsOf(readers, new Set()) }
  }
  const whole = ofFields ? placeIn(lowerCased(texts.whole.root) as object, texts.whole) : texts.whole
  const readers = compileTexts(membersOf(whole), () => (ofFields ? 'commas' : 'repeated'))
  return { ...compiler.compile(whole), ...termsOf(readers, membersIn(whole).forbidden) }
}

const termsOf = (
  readers: ReadonlyMap<string, TextReader>,
  forbidden: ReadonlySet<string>,
): Omit<TextsJudge, keyof Judge> => ({
  readers,
  hides: compileHiding(readers, forbidden),
  encoded: encodedDelimiters(readers),
})

function encodedDelimiters(readers: ReadonlyMap<string, TextReader>): RegExp | null {
  const all = [...readers.values()].flatMap((reader) => [reader, reader.behind ?? reader])
  const codes = [
    ...(all.some(({ spelling }) => WITH_COMMAS.has(spelling)) ? ['2c'] : []),
    ...(all.some(({ behind }) => behind !== undefined) ? ['2e'] : []),
    ...(all.some(({ spelling }) => spelling === 'assigned') ? ['3d'] : []),
  ]
  return codes.length === 0 ? null : new RegExp(`^[^?]*%(?:${codes.join('|')})`, 'i')
}

const commas = (text: string): string[] => text.split(',').map((one) => one.trim())

/** @param size characters of the texts */
function judged(part: MessagePart, judge: TextsJudge, values: Named | string, size: number): Fault | null {
  if (typeof values === 'string') return { part, rule: values, asks: null }
  if (!judge.admits(values, size)) return faultOf(part, judge)
  // All other parts have the names that the route or the document gives them.
  return part === 'query' && judge.hides(values) ? { part, rule: 'ambiguous', asks: null } : null
}

function judgeParams(judge: TextsJudge, { params, url }: TextParts): Fault | null {
  // Decoded as they are, a comma within a value is one between values.
  if (judge.encoded !== null && judge.encoded.test(url)) return { part: 'params', rule: 'ambiguous', asks: null }
  const pairs = Object.entries(params).map(([name, text]) => [name, text ?? ''] as const)
  return judged(
    'params',
    judge,
    readTexts(pairs, judge.readers, (text) => text.split(',')),
    url.length,
  )
}

function judgeQuery(judge: TextsJudge, url: string): Fault | null {
  const at = url.indexOf('?')
  return judged('query', judge, readQuery(at === -1 ? '' : url.slice(at + 1), judge.readers), url.length)
}

/** Judges the fields that travel: those that Connection names stay behind (RFC 9110 §7.6.1). */
const judgeHeaders = (judge: TextsJudge, headers: IncomingHttpHeaders): Fault | null =>
  judgeFields('headers', judge, headers)

/** Judges the fields of a message that have a schema. */
export function judgeFields(
  part: MessagePart,
  judge: TextsJudge,
  fields: Readonly<Record<string, string | string[] | undefined>>,
): Fault | null {
  const named = namedByConnection(fields.connection)
  const pairs: [string, string][] = []
  let size = 0
  for (const name of judge.readers.keys()) {
    const value = fields[name]
    if (value === undefined || named?.has(name) === true) continue
    const text = typeof value === 'string' ? value : value.join(', ')
    size += text.length
    pairs.push([name, text])
  }
  return judged(part, judge, readTexts(pairs, judge.readers, commas), size)
}

/** Judges the cookies that have a schema; others are nobody's business here. */
function judgeCookies(judge: TextsJudge, field: string | undefined): Fault | null {
  if (judge.readers.size === 0) return null
  const pairs: [string, string][] = []
  for (const pair of (field ?? '').split(';')) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at).trim()
    if (at !== -1 && judge.readers.has(name)) pairs.push([name, pair.slice(at + 1).trim()])
  }
  return judged('cookies', judge, readTexts(pairs, judge.readers, commas), field?.length ?? 0)
}

// RFC 9110 §8.3.1. Of texts, no other charset than UTF-8: who reads another reads something else.
const TYPE = /^([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?$/i
const ESSENCE = /^([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)[ \t]*(?:;|$)/

function compileBody({ required, contents }: NonNullable<Described['body']>, compiler: Compiler): Input['body'] {
  const takings = new Map([...contents].map(([type, content]) => [type, compileTaking(content, compiler)]))
  return {
    required,
    none: takings.size === 0,
    taking(contentType) {
      if (contentType === undefined) return null
      const found = takings.get((ESSENCE.exec(contentType)?.[1] ?? '').toLowerCase())
      if (found === undefined || found.kind === 'unread') return found ?? null
      if (found.kind === 'parts') return boundaryOf(contentType) === null ? null : found
      return TYPE.test(contentType) ? found : null
    },
  }
}

function compileTaking({ kind, place, spellings = {}, parts }: Content, compiler: Compiler): Taking {
  const judge = place === null ? null : compiler.compile(place)
  if (parts !== undefined && judge !== null) {
    const reader = new PartsReader(parts, membersIn(place as Place).forbidden, judge)
    return { kind, read: (bytes, contentType) => reader.read(bytes, contentType) }
  }
  const admitted = (value: unknown, { length }: Buffer): { value: unknown } | Fault =>
    judge === null || judge.admits(value, length) ? { value } : faultOf('body', judge)
  if (kind === 'form') {
    const readers = compileTexts(membersOf(place as Place), (name) => spellings[name] ?? 'repeated')
    const hides = compileHiding(readers, membersIn(place as Place).forbidden)
    return {
      kind,
      read(bytes) {
        // Percent-encoding leaves ASCII alone.
        const values = readQuery(bytes.toString('latin1'), readers)
        if (typeof values === 'string') return { part: 'body', rule: values, asks: null }
        const verdict = admitted(values, bytes)
        return 'value' in verdict && hides(values) ? { part: 'body', rule: 'ambiguous', asks: null } : verdict
      },
    }
  }
  return {
    kind,
    read(bytes) {
      const reading = readJson(bytes)
      return 'fault' in reading ? { part: 'body', rule: reading.fault, asks: null } : admitted(reading.value, bytes)
    },
  }
}
