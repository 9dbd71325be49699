import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { Refusal } from '@portcullis/kernel'
import { errors } from './errors.ts'

/** Media types that can be told by how a file begins. */
export type FileType =
  | 'image/png'
  | 'image/jpeg'
  | 'image/gif'
  | 'image/webp'
  | 'application/pdf'
  | 'application/zip'
  | 'application/gzip'

/** Bytes by which files begin, in Latin-1; a dot that stands for any byte is none of theirs. */
const SIGNATURES: readonly (readonly [FileType, RegExp])[] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[^]{4}WEBP/],
  ['application/pdf', /^%PDF-[12]\./],
  ['application/zip', /^PK(?:\x03\x04|\x05\x06)/],
  ['application/gzip', /^\x1f\x8b\x08/],
]
/** Bytes that the longest of them needs. */
const NEEDED = 12

/** What a file is, by how it begins; null for what is none of them. A file may still be something else as well. */
export function fileTypeOf(head: Uint8Array): FileType | null {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, NEEDED)).toString('latin1')
  return SIGNATURES.find(([, signature]) => signature.test(text))?.[0] ?? null
}

/** A file of a form, as @fastify/multipart hands it over. */
export interface FilePart {
  readonly file: Readable & { readonly truncated?: boolean }
}

/**
 * Looks at how an uploaded file begins, and leaves its stream as it was. What the client calls it does not count.
 * @returns its type, one of those accepted
 * @throws an error that is answered with PTC_VALIDATION_FILE_TYPE (415); the file is then read no further. A file beyond
 *   the limit fails while it is read, with PTC_VALIDATION_BODY_TOO_LARGE (413)
 * @example const part = await request.file(); const type = await acceptFile(part, ['image/png', 'image/jpeg'])
 */
export async function acceptFile<const T extends FileType>({ file }: FilePart, types: readonly T[]): Promise<T> {
  const chunks: Buffer[] = []
  let length = 0
  while (length < NEEDED && !file.readableEnded && !file.destroyed) {
    const chunk = file.read() as Buffer | null
    if (chunk !== null) {
      chunks.push(chunk)
      length += chunk.length
    } else await Promise.race([once(file, 'readable'), once(file, 'end'), once(file, 'close')])
  }
  const head = Buffer.concat(chunks)
  // No file of these types is so short; and to a stream that has ended nothing can be given back.
  const type = head.length < NEEDED ? null : fileTypeOf(head)
  const accepted = types.find((one) => one === type)
  if (accepted === undefined) {
    // A form whose file nobody reads would never end.
    file.resume()
    throw refused('the file is of no type that is accepted', errors.PTC_VALIDATION_FILE_TYPE)
  }
  const tooLarge = (): Error => refused('the file is larger than its form admits', errors.PTC_VALIDATION_BODY_TOO_LARGE)
  if (file.truncated === true) {
    file.resume()
    throw tooLarge()
  }
  // Who reads the stream would take what came until the limit for the whole.
  file.once('limit', () => file.destroy(tooLarge()))
  file.unshift(head)
  return accepted
}

function refused(message: string, refusal: Refusal): Error {
  return Object.assign(new Error(message), { refusal })
}

/** What the parser of @fastify/multipart throws of a form that is none, without a status. */
const MALFORMED = /unexpected end of multipart data|^Multipart: Boundary not found/i

/** Lets an error that says that a form is malformed be answered 400: it is the client's fault, and would be a 500. */
export function blameForm(contentType: string | undefined, error: Error & { readonly statusCode?: number }): void {
  if (error.statusCode !== undefined || !MALFORMED.test(error.message)) return
  if (contentType?.toLowerCase().startsWith('multipart/') !== true) return
  Object.assign(error, { refusal: errors.PTC_VALIDATION_BODY_MALFORMED })
}

/** Limits for `register(multipart, multipartLimits({ … }))`: what is not named is closed or small. */
export interface MultipartBounds {
  /** Files of one form. Default: 1. */
  files?: number
  /** Bytes of one file. Default: 1 MiB. */
  fileSize?: number
  /** Fields beside the files. Default: 0. */
  fields?: number
  /** Bytes of one field. Default: 1000. */
  fieldSize?: number
}

/** Options of @fastify/multipart whose every limit is set, and that answer 413 where one is passed. */
export function multipartLimits({
  files = 1,
  fileSize = 1_048_576,
  fields = 0,
  fieldSize = 1000,
}: MultipartBounds = {}): {
  readonly throwFileSizeLimit: true
  readonly limits: Readonly<
    Record<'files' | 'fileSize' | 'fields' | 'fieldSize' | 'fieldNameSize' | 'parts' | 'headerPairs', number>
  >
} {
  const limits = { files, fileSize, fields, fieldSize, fieldNameSize: 100, parts: files + fields, headerPairs: 20 }
  return { throwFileSizeLimit: true, limits }
}
