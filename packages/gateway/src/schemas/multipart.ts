import { isUtf8 } from 'node:buffer'

/** One part of a form. */
export interface Part {
  readonly name: string
  /** It has a file name. */
  readonly file: boolean
  /** The file name is empty, and so is the file: HTML forms say so of an input where no file was chosen. */
  readonly unchosen: boolean
  /** Its media type, in lower case and without parameters; null: it says none. */
  readonly type: string | null
  readonly bytes: Buffer
}

/** Why a form is not read. `ambiguous`: it is, but not alike by all. */
export type FormFault = 'malformed' | 'ambiguous' | 'too-many-parts' | 'fields-too-large'

/** Parts of a form: readers with a bound pass over the rest, some of them in silence. */
const MOST_PARTS = 100
/** Bytes of all fields: many readers cut a field there. */
const LARGEST_FIELDS = 1024 * 1024
/** Bytes of the header fields of a part. */
const LONGEST_HEAD = 1024
/** Characters of a name, which readers cut too. */
const LONGEST_NAME = 100

// RFC 2046 §5.1.1, but for signs that want quotes, at which some cut a boundary.
const BOUNDARY =
  /^multipart\/form-data(?:[ \t]*;[ \t]*charset=utf-8)?[ \t]*;[ \t]*boundary=(?:([\w'+.-]{1,70})|"([\w'+.-]{1,70})")$/i

/** The boundary that a Content-Type names; null: none on which readers agree. Dashes alone end anywhere. */
export function boundaryOf(contentType: string): string | null {
  const [, bare, quoted] = BOUNDARY.exec(contentType) ?? []
  const boundary = bare ?? quoted ?? '-'
  return /^-+$/.test(boundary) ? null : boundary
}

/**
 * Reads a form with parts (RFC 7578, RFC 2046 §5.1) as strictly as readers agree on it: nothing before the first
 * boundary and behind the last, the boundary nowhere else, whatever stands around it, and no header fields but those
 * that say what a part is.
 */
export function readMultipart(bytes: Buffer, boundary: string): readonly Part[] | FormFault {
  const parts: Part[] = []
  if (bytes.indexOf(`--${boundary}`, 0, 'latin1') !== 0) return 'malformed'
  let fields = 0
  for (let at = 2 + boundary.length; ;) {
    const next = bytes.indexOf(boundary, at, 'latin1')
    const sign = bytes.toString('latin1', at, at + 2)
    if (sign === '--') return next === -1 && isEnd(bytes, at + 2) ? parts : 'malformed'
    // A longer word that begins like the boundary, or spaces behind it.
    if (sign !== '\r\n' || next === -1) return 'malformed'
    if (parts.length === MOST_PARTS) return 'too-many-parts'
    const head = at + 2
    const length = bytes.subarray(head, head + LONGEST_HEAD).indexOf('\r\n\r\n')
    const from = head + length + 4
    if (length === -1) return 'malformed'
    if (from > next - 4 || bytes.toString('latin1', next - 4, next) !== '\r\n--') return 'ambiguous'
    const part = readPart(bytes.toString('latin1', head, head + length), bytes.subarray(from, next - 4))
    if (typeof part === 'string') return part
    if (!part.file) fields += part.bytes.length
    if (fields > LARGEST_FIELDS) return 'fields-too-large'
    parts.push(part)
    at = next + boundary.length
  }
}

/** Behind the last boundary, a line break is all that most write. */
const isEnd = (bytes: Buffer, at: number): boolean =>
  at === bytes.length || (at + 2 === bytes.length && bytes.toString('latin1', at) === '\r\n')

/** One line, of which no reader makes two: no control character. Bytes of UTF-8 are characters here. */
const FIELD = /^([a-z-]+): ([ -~\x80-\xff]+)$/i
/** Without backslashes, which are escapes to some; no `filename*`, which some prefer and others do not know. */
const DISPOSITION = /^form-data; name=(?:"([^"\\]+)"|([\w-]+))(?:; filename=(?:"([^"\\]*)"|([\w.-]+)))?$/
/** Names that are read as they are: no space or non-ASCII letter, and no `%22`, which some decode. */
const NAME = new RegExp(`^[\\w.[\\]$@:-]{1,${LONGEST_NAME}}$`)
/** Some decode `%` or `&#`, some cut at `;`, at a path or at a line of Unicode, some take spaces off. */
const OF_NO_FILE = /%[0-9a-f]{2}|&#|[/;\p{Cc}\p{Zl}\p{Zp}]|^\s|\s$/iu

/** A name of which something is left to all: else it is no file to some. `&shy` is what `&shy;` is. */
function isFileName(written: string): boolean {
  const bytes = Buffer.from(written, 'latin1')
  if (!isUtf8(bytes)) return false
  const name = bytes.toString('utf8')
  return !OF_NO_FILE.test(name) && /[\p{L}\p{N}]/u.test(name.replaceAll(/&[a-z]+/gi, ''))
}

const TYPE = /^([\w!#$&^.+-]+\/[\w!#$&^.+*-]+)(?:; ?charset=(?:utf-8|"utf-8"))?$/i
/** What bytes are of which nothing is known. */
const BYTES = 'application/octet-stream'
/** Encodings that are none. RFC 7578 §4.7 knows no others. */
const AS_IT_IS: ReadonlySet<string> = new Set(['binary', '8bit'])

/** Whether a part can have this name. */
export const isPartName = (name: string): boolean => NAME.test(name) && name !== CHARSET
/** A field that says what the others are written in (RFC 7578 §4.6), to those who know it. */
const CHARSET = '_charset_'

function readPart(head: string, bytes: Buffer): Part | FormFault {
  const fields = new Map<string, string>()
  for (const line of head.split('\r\n')) {
    const [, written = '', value = ''] = FIELD.exec(line) ?? []
    const name = written.toLowerCase()
    if (name === '' || fields.has(name)) return 'malformed'
    fields.set(name, value)
  }
  const disposition = DISPOSITION.exec(take(fields, 'content-disposition') ?? '')
  const [, quoted, bare, quotedFile, bareFile] = disposition ?? []
  const [name = '', filename] = [quoted ?? bare, quotedFile ?? bareFile]
  if (disposition === null) return 'malformed'
  if (!isPartName(name)) return 'ambiguous'
  const unchosen = filename === ''
  if (filename !== undefined && !unchosen && !isFileName(filename)) return 'ambiguous'
  const said = take(fields, 'content-type')
  const type = said === undefined ? null : (TYPE.exec(said)?.[1]?.toLowerCase() ?? '')
  // Parts within parts are parts of the whole to some. Bytes without a name are a file to some, a field to others.
  if (type === '' || /^(?:multipart|message)\//.test(type ?? '')) return 'ambiguous'
  if (filename === undefined && type === BYTES) return 'ambiguous'
  // As the HTML standard writes it, and no other: it is known to all.
  if (unchosen && (type !== BYTES || bytes.length > 0)) return 'ambiguous'
  const encoding = take(fields, 'content-transfer-encoding')
  if (encoding !== undefined && !AS_IT_IS.has(encoding.toLowerCase())) return 'ambiguous'
  const length = take(fields, 'content-length')
  if (length !== undefined && length !== `${bytes.length}`) return 'ambiguous'
  return fields.size === 0 ? { name, file: filename !== undefined, unchosen, type, bytes } : 'ambiguous'
}

function take(fields: Map<string, string>, name: string): string | undefined {
  const value = fields.get(name)
  fields.delete(name)
  return value
}
