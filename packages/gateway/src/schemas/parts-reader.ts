import { isUtf8 } from 'node:buffer'
import type { Judge } from './compiler.ts'
import { type Fault, faultOf } from './faults.ts'
import { readJson } from './json.ts'
import { isWithin, PLAIN } from './media-types.ts'
import { folded } from './names.ts'
import { boundaryOf, type Part, readMultipart } from './multipart.ts'
import type { PartTerms } from './parts.ts'
import { compileText } from './spellings.ts'
import type { Named } from './texts.ts'

const refused = (rule: string, asks: string | null = null): Fault => ({ part: 'body', rule, asks })

/** Reads forms with parts. Files are Buffers in what is read; to the schema they are texts of a character each byte. */
export class PartsReader {
  readonly #terms: ReadonlyMap<string, PartTerms>
  readonly #known: ReadonlySet<string>
  readonly #texts: ReadonlyMap<string, (text: string) => unknown>
  readonly #judge: Judge

  /** @param forbidden names that are told to be absent */
  constructor(terms: ReadonlyMap<string, PartTerms>, forbidden: ReadonlySet<string>, judge: Judge) {
    this.#terms = terms
    this.#known = new Set([...terms.keys(), ...forbidden].map(folded))
    this.#texts = new Map([...terms].map(([name, { place }]) => [name, compileText(place, 'repeated').read]))
    this.#judge = judge
  }

  read(bytes: Buffer, contentType: string | undefined): { readonly value: unknown } | Fault {
    const boundary = boundaryOf(contentType ?? '')
    const parts = boundary === null ? 'malformed' : readMultipart(bytes, boundary)
    if (typeof parts === 'string') return refused(parts)
    const chosen = parts.filter(({ unchosen }) => !unchosen)
    // To some it is an empty file, to Go an empty text, to others nothing: the form has to match with it and without.
    const whole = chosen.length === parts.length ? null : this.#read(parts, bytes.length)
    return whole !== null && 'rule' in whole ? whole : this.#read(chosen, bytes.length)
  }

  #read(parts: readonly Part[], size: number): { readonly value: unknown } | Fault {
    const values: Named = { __proto__: null }
    const files: Named = { __proto__: null }
    for (const part of parts) {
      const terms = this.#terms.get(part.name)
      if (terms === undefined && this.#known.has(folded(part.name))) return refused('ambiguous')
      const reading = this.#valueOf(part, terms)
      if ('rule' in reading) return reading
      const { value, isFile } = reading
      const { [part.name]: before } = values
      if (terms?.list !== true && before !== undefined) return refused('repeated')
      put(values, part.name, value, terms)
      if (isFile) put(files, part.name, part.bytes, terms)
    }
    if (!this.#judge.admits(values, size)) return faultOf('body', this.#judge)
    return { value: Object.assign(values, files) }
  }

  #valueOf(part: Part, terms: PartTerms | undefined): { readonly value: unknown; readonly isFile: boolean } | Fault {
    const { bytes, name, file } = part
    const kind = terms?.kind ?? (file ? 'bytes' : 'text')
    const fault = terms === undefined ? null : faultOfKind(part, terms)
    if (fault !== null) return fault
    if (kind === 'bytes') return { value: bytes.toString('latin1'), isFile: true }
    if (kind === 'json') {
      const reading = readJson(bytes)
      return 'fault' in reading ? refused(reading.fault) : { value: reading.value, isFile: false }
    }
    // A byte order mark is left out by some.
    if (!isUtf8(bytes) || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)) return refused('malformed')
    const text = bytes.toString('utf8')
    return { value: this.#texts.get(name)?.(text) ?? text, isFile: false }
  }
}

function put(values: Named, name: string, value: unknown, terms: PartTerms | undefined): void {
  if (terms?.list === true) ((values[name] ??= []) as unknown[]).push(value)
  else values[name] = value
}

/** Whether a part is what its name is of. What says no media type is text (RFC 7578 §4.4). */
function faultOfKind({ name, file, type }: Part, { kind, types }: PartTerms): Fault | null {
  if (kind !== 'json' && file !== (kind === 'bytes')) {
    return refused('part-kind', `body.${name} must be ${file ? 'a field, without a file name' : 'a file'}`)
  }
  if (types === null || types.some((range) => isWithin(type ?? PLAIN, range))) return null
  return refused('media-type', `body.${name} must be ${types.join(' or ')}`)
}
