import type { Compiler } from './compiler.ts'
import type { Contents, Responses } from './described.ts'
import { type Fault, faultOf } from './faults.ts'
import { compilePart, judgeFields, type TextsJudge } from './input.ts'
import { readJson } from './json.ts'
import { essenceOf, isJson } from './media-types.ts'

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

/** Fields of a message by lower-case name. */
type Fields = Readonly<Record<string, string | string[] | undefined>>

/** An answer without its body. */
export interface Head {
  readonly method: string
  readonly status: number
  readonly fields: Fields
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
export function compileOutput(responses: Responses, compiler: Compiler, strictness: Strictness, limit: number): Output {
  const byStatus = new Map(
    [...responses].map(([status, { contents, fields }]) => [
      status,
      { readings: compileContents(contents, compiler), judgeOfFields: compilePart(fields, compiler, true) },
    ]),
  )
  return {
    strictness,
    limit,
    judge({ method, status, fields }) {
      // RFC 9110 §15.4.5: what a cache holds already; no document speaks of it.
      if (status === 304) return null
      const described =
        byStatus.get(`${status}`) ?? byStatus.get(`${Math.floor(status / 100)}xx`) ?? byStatus.get('default')
      if (described === undefined) return UNDESCRIBED
      // RFC 9110 §9.3.2: fields that its content would bring may be absent too.
      if (method === 'HEAD') return null
      const { readings, judgeOfFields } = described
      const wrong = judgeOfFields === null ? null : faultOfFields(judgeOfFields, fields)
      if (wrong !== null) return wrong
      if (readings.size === 0) return nothing
      const type = fields['content-type']?.toString()
      if (type === undefined) return status === 204 || status === 205 ? null : MEDIA_TYPE
      const reading = readingOf(readings, essenceOf(type))
      if (reading === undefined) return MEDIA_TYPE
      const encoding = fields['content-encoding']?.toString()
      return reading !== null && encoding !== undefined && encoding !== 'identity' ? ENCODED : reading
    },
  }
}

/** Cookies are set one by one: each field is what the schema is of (RFC 6265 §3). */
function faultOfFields(judge: TextsJudge, fields: Fields): Fault | null {
  const { 'set-cookie': cookies = [] } = fields
  const others = typeof cookies === 'string' || cookies.length < 2 ? [cookies] : cookies
  for (const cookie of others) {
    const fault = judgeFields('answer.headers', judge, others.length < 2 ? fields : { ...fields, 'set-cookie': cookie })
    if (fault !== null) return fault
  }
  return null
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
          return judge === null || judge.admits(reading.value, bytes.length) ? null : faultOf('answer', judge)
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
