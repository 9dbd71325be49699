import type { Compiler } from './compiler.ts'
import { type Contents, type Described, essenceOf, isJson } from './described.ts'
import { type Fault, faultOf } from './faults.ts'
import { readJson } from './json.ts'

/** What becomes of an answer that the schemas do not admit. */
export type Strictness = 'report' | 'refuse'

/** What answers of one route are held to. */
export interface Output {
  readonly strictness: Strictness
  /** Bytes of an answer that is read. */
  readonly limit: number
  /** What is to be done with an answer: nothing, say why not, or ask its bytes. */
  judge(answer: Head): Fault | ((bytes: Buffer) => Fault | null) | null
}

/** An answer without its body. */
export interface Head {
  readonly method: string
  readonly status: number
  readonly type: string | undefined
  /** Of its content; absent: none. */
  readonly encoding: string | undefined
}

/** Names of request fields without those that ask for less, or other, than the whole answer in plain bytes. */
export function withoutCodings(names: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...names].filter((name) => !['accept-encoding', 'range', 'if-range'].includes(name)))
}

type Reading = ((bytes: Buffer) => Fault | null) | null
type Readings = ReadonlyMap<string, Reading>

const fault = (rule: string, asks: string | null = null): Fault => ({ part: 'answer', rule, asks })
const UNDESCRIBED = fault('status-undescribed')
const MEDIA_TYPE = fault('media-type')
const ENCODED = fault('content-encoding')
const UNEXPECTED = fault('unexpected', 'answer must NOT have a body')
/** An answer that is larger than what is read. */
export const TOO_LONG: Fault = fault('too-long')

const nothing = (bytes: Buffer): Fault | null => (bytes.length === 0 ? null : UNEXPECTED)

/** Compiles what is said of answers. */
export function compileOutput(
  responses: NonNullable<Described['responses']>,
  compiler: Compiler,
  strictness: Strictness,
  limit: number,
): Output {
  const byStatus = new Map([...responses].map(([status, contents]) => [status, compileContents(contents, compiler)]))
  return {
    strictness,
    limit,
    judge({ method, status, type, encoding }) {
      // RFC 9110 §15.4.5: what a cache holds already; no document speaks of it.
      if (status === 304) return null
      const readings =
        byStatus.get(`${status}`) ?? byStatus.get(`${Math.floor(status / 100)}xx`) ?? byStatus.get('default')
      if (readings === undefined) return UNDESCRIBED
      if (method === 'HEAD') return null
      if (readings.size === 0) return nothing
      if (type === undefined) return status === 204 || status === 205 ? null : MEDIA_TYPE
      const reading = readingOf(readings, essenceOf(type))
      if (reading === undefined) return MEDIA_TYPE
      return reading !== null && encoding !== undefined && encoding !== 'identity' ? ENCODED : reading
    },
  }
}

function compileContents(contents: Contents, compiler: Compiler): Readings {
  return new Map(
    [...contents].map(([type, { kind, place }]): [string, Reading] => {
      if (kind !== 'json') return [type, null]
      const judge = place === null ? null : compiler.compile(place)
      return [
        type,
        (bytes) => {
          const reading = readJson(bytes)
          if ('fault' in reading) return fault(reading.fault)
          return judge === null || judge.validate(reading.value) ? null : faultOf('answer', judge)
        },
      ]
    }),
  )
}

function readingOf(readings: Readings, essence: string): Reading | undefined {
  const exact = readings.get(essence)
  if (exact !== undefined) return exact
  const range = [`${essence.split('/', 1)[0]}/*`, '*/*'].find((one) => readings.has(one))
  if (range === undefined) return undefined
  const reading = readings.get(range) ?? null
  // A schema of a range is one of JSON.
  return reading === null || isJson(essence) ? reading : undefined
}
