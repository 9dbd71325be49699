import type { Rate } from './body-rate.ts'
import { formFault, type FormFault } from './form-scan.ts'
import { hasParams, listsOf, typesOf, type Declared } from './declared.ts'
import { jsonScanner, type JsonFault } from './json-scan.ts'
import { mediaTypeRule, type Reception } from './media-type.ts'
import type { Part, ValidationOptions } from './options.ts'
import { pathRule, type PathFault } from './path.ts'
import type { Encoding } from './receive.ts'

/** What one route takes: decided at boot. */
export interface Policy {
  readonly path: (target: string) => PathFault | null
  /** Whether a part is refused when it comes. */
  readonly closed: Readonly<Record<Part, boolean>>
  readonly lists: ReadonlySet<string> | null
  readonly reception: (contentType: string | undefined) => Reception
  readonly encodings: ReadonlySet<Encoding>
  /** Bytes. */
  readonly limit: number
  readonly rate: Rate | null
  readonly form: (body: Buffer) => FormFault | null
  /** Null where JSON is parsed unseen. */
  readonly scan: ((body: Buffer) => JsonFault | null) | null
}

/** What a policy needs to know beside its options. */
export interface Surroundings {
  /** Null for whatever URL no route serves. */
  readonly declared: Declared | null
  /** Bytes. */
  readonly limit: number
  /** Makes hashes unforeseeable (32 bits). */
  readonly seed: number
}

/** Scanners by their limits: routes share them. */
const scanners = new Map<string, (body: Buffer) => JsonFault | null>()

/** Turns validated options into a decision. */
export function compilePolicy(options: Readonly<ValidationOptions>, { declared, limit, seed }: Surroundings): Policy {
  const { depth = 32, keys = 10_000, exactNumbers = true } = options.json ?? {}
  const admitted = options.dangerouslyAdmitUndeclared ?? []
  const closed = (part: Part): boolean =>
    declared !== null &&
    declared[part] === undefined &&
    (!admitted.includes(part) || options.empty?.includes(part) === true)
  const name = `${depth} ${keys} ${exactNumbers}`
  const scan = scanners.get(name) ?? jsonScanner({ depth, keys, exactNumbers }, seed)
  scanners.set(name, scan)
  const { bytesPerSecond = 240, grace = 5 } = options.bodyRate === false ? {} : (options.bodyRate ?? {})
  return {
    path: pathRule(options.admitInPath ?? []),
    closed: {
      body: closed('body'),
      query: closed('query'),
      params: closed('params') && hasParams(declared?.url ?? ''),
    },
    lists: declared === null ? null : listsOf(declared.query),
    reception: mediaTypeRule(typesOf(declared?.body) ?? options.mediaTypes ?? []),
    encodings: new Set(options.contentEncodings ?? []),
    limit,
    rate: options.bodyRate === false ? null : { bytesPerSecond, grace },
    form: (body) => formFault(body, keys),
    scan: options.dangerouslyTrustJson === true ? null : scan,
  }
}
