import addFormats, { type FormatsPlugin } from 'ajv-formats'
import type { Ajv2020 } from 'ajv/dist/2020.js'

// The types of a CommonJS module's default export are the module's.
const plugin = addFormats as unknown as FormatsPlugin

/** Formats that are checked. */
export const FORMATS: ReadonlySet<string> = new Set([
  'date',
  'time',
  'date-time',
  'duration',
  'uri',
  'uri-reference',
  'uri-template',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'regex',
  'uuid',
  'json-pointer',
  'relative-json-pointer',
  'byte',
  'int32',
  'int64',
  'float',
  'double',
  'password',
  'binary',
])

/** Formats of texts of any length. */
const ENDLESS: ReadonlySet<string> = new Set(['byte', 'password', 'binary', 'int32', 'int64', 'float', 'double'])
/** Most characters of the others: the patterns of some take the square of a text's length. */
const LONGEST = 2048

/** Adds them. */
export function addKnownFormats(ajv: Ajv2020): void {
  plugin(ajv, [...FORMATS] as never)
  for (const name of FORMATS) {
    if (ENDLESS.has(name)) continue
    const format = ajv.formats[name]
    const test = format instanceof RegExp ? format : (format as { validate?: unknown }).validate
    const matches = test instanceof RegExp ? (text: string) => test.test(text) : (test ?? format)
    ajv.addFormat(name, (text: string) => text.length <= LONGEST && (matches as (text: string) => boolean)(text))
  }
}
