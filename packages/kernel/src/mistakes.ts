import type { ErrorObject } from 'ajv/dist/2019.js'
import { acceptedKind } from './accepts.ts'
import type { Finding, Operation, Schema } from './options.ts'
import { token, tokens } from './pointer.ts'
import { literal, meantBy, member, ownerOf, suggest, synonymOf } from './suggest.ts'
import { written } from './written.ts'

/** A value that the schema admits, for fixes: an example, the default, or the smallest thing of its type. */
export function sample(schema: Schema): unknown {
  const { examples, enum: choices, type, accepts, items, minItems, minimum, properties, required } = schema
  if (Array.isArray(examples)) return examples[0]
  if ('default' in schema) return schema['default']
  if ('const' in schema) return schema['const']
  if (Array.isArray(choices)) return choices[0]
  const kind =
    typeof type === 'string' ? type : Array.isArray(accepts) ? accepts.find((one) => one !== 'function') : undefined
  if (kind === 'array') return Array.from({ length: Number(minItems ?? 0) }, () => sample((items ?? {}) as Schema))
  if (kind === 'object') {
    const filled: Record<string, unknown> = {}
    for (const key of (required ?? []) as string[])
      filled[key] = sample((properties as Record<string, Schema>)?.[key] ?? {})
    return filled
  }
  if (kind === 'integer' || kind === 'number') return minimum ?? 1
  if (kind === 'boolean') return false
  if (kind === 'string') return 'x'
  return undefined
}

const an = (kind: string): string => (/^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`)
const either = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`

/** What was probably meant by a value of the wrong type, if nothing is lost by writing it so. */
function converted(value: unknown, kinds: readonly string[], schema: Schema): unknown {
  if (typeof value === 'string' && (kinds.includes('integer') || kinds.includes('number')) && /^-?\d+$/.test(value))
    return Number(value)
  if (kinds.includes('boolean') && (value === 'true' || value === 'false')) return value === 'true'
  if (kinds.includes('array') && typeof value !== 'object') {
    const item = (schema['items'] ?? {}) as Schema
    if (item['type'] === typeof value) return [value]
  }
  return undefined
}

/** A key that stands one level too high. @param wanted its name there */
function misplaced(here: string, key: string, owner: string, data: object, wanted: string = key): Finding {
  const from = `${here}/${token(key)}`
  const held = (data as Record<string, unknown>)[owner]
  const path = `${here}/${token(owner)}/${token(wanted)}`
  const made: Operation[] = held === undefined ? [{ op: 'add', path: `${here}/${token(owner)}`, value: {} }] : []
  const free = held === undefined || (typeof held === 'object' && held !== null && !Object.hasOwn(held, wanted))
  return {
    at: from,
    rule: 'additionalProperties',
    message: `is not an option here; did you mean \`${owner}.${wanted}\`?`,
    fix: free ? [...made, { op: 'move', from, path }] : [{ op: 'remove', path: from }],
  }
}

/** One violation of the schema as a finding: what is wrong, what to write, and the patch that does it. */
export function finding(error: ErrorObject): Finding {
  const schema = (error.parentSchema ?? {}) as Schema
  const params = error.params as Record<string, unknown>
  const here = error.instancePath
  const name = tokens(here).at(-1) ?? ''
  const pasted = (value: unknown): string => written(/^\d*$/.test(name) ? undefined : member(name), value, schema)
  const replace = (value: unknown): Operation[] =>
    value === undefined ? [{ op: 'remove', path: here }] : [{ op: 'replace', path: here, value }]
  const instead = (message: string, value: unknown = sample(schema)): Finding => ({
    at: here,
    rule: error.keyword,
    message: `${message}; ${pasted(value)}`,
    fix: replace(value),
  })

  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params['additionalProperty'] ?? params['unevaluatedProperty'])
      const path = `${here}/${token(key)}`
      const known = Object.keys((schema['properties'] ?? {}) as object)
      const data = (error.data ?? {}) as object
      const [synonym, within] = synonymOf(schema, key)?.split('.') ?? []
      if (synonym !== undefined && within !== undefined) return misplaced(here, key, synonym, data, within)
      const meant = synonym ?? suggest(key, known)
      const inside = meant === undefined ? ownerOf(key, schema) : undefined
      if (inside?.listed === false) return misplaced(here, key, inside.name, data)
      if (inside !== undefined) {
        const message = `is not an option here; did you mean \`${inside.name}[].${key}\`?`
        return { at: path, rule: error.keyword, message, fix: [{ op: 'remove', path }] }
      }
      const free = meant !== undefined && !Object.hasOwn(data, meant)
      return {
        at: path,
        rule: error.keyword,
        message: `is not an option; ${meant === undefined ? `the options are ${either(known)}` : `did you mean \`${meant}\`?`}`,
        fix: free ? [{ op: 'move', from: path, path: `${here}/${token(meant)}` }] : [{ op: 'remove', path }],
      }
    }
    case 'required': {
      const key = String(params['missingProperty'])
      const wanted = ((schema['properties'] ?? {}) as Record<string, Schema>)[key] ?? {}
      const value = sample(wanted)
      return {
        at: `${here}/${token(key)}`,
        rule: error.keyword,
        message: `is required; ${written(member(key), value, wanted)}`,
        fix: [{ op: 'add', path: `${here}/${token(key)}`, value }],
      }
    }
    case 'type':
    case 'accepts': {
      const kinds = [error.schema].flat() as string[]
      const was = error.data === null ? 'null' : an(acceptedKind(error.data))
      if (typeof schema['title'] === 'string' && error.keyword === 'accepts' && kinds.join() === 'object') {
        // What passes by reference cannot be written down.
        const message = `must be ${schema['title']}, not ${was}; give one, or remove it`
        return { at: here, rule: error.keyword, message, fix: [{ op: 'remove', path: here }] }
      }
      return instead(
        `must be ${either(kinds.map(an))}, not ${was}`,
        converted(error.data, kinds, schema) ?? sample(schema),
      )
    }
    case 'enum': {
      const choices = error.schema as unknown[]
      const texts = choices.filter((choice) => typeof choice === 'string')
      const meant =
        typeof error.data === 'string' ? (synonymOf(schema, error.data) ?? suggest(error.data, texts)) : undefined
      return instead(`must be one of ${choices.map(literal).join(', ')}`, meant ?? sample(schema))
    }
    case 'const':
      return instead(`must be ${literal(error.schema)}`, error.schema)
    case 'minimum':
    case 'maximum':
      return instead(
        `must be at ${error.keyword === 'minimum' ? 'least' : 'most'} ${String(error.schema)}`,
        error.schema,
      )
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return instead(
        `must be ${error.keyword === 'exclusiveMinimum' ? 'greater' : 'less'} than ${String(error.schema)}`,
      )
    case 'minItems':
      return instead(`needs at least ${String(error.schema)} ${error.schema === 1 ? 'entry' : 'entries'}`)
    case 'minProperties':
      return instead(`needs at least ${String(error.schema)} ${error.schema === 1 ? 'key' : 'keys'}`)
    case 'maxItems':
      return instead(
        `takes at most ${String(error.schema)} entries`,
        (error.data as unknown[]).slice(0, Number(error.schema)),
      )
    case 'uniqueItems': {
      const [first, second] = [Number(params['j']), Number(params['i'])].toSorted((a, b) => a - b) as [number, number]
      return {
        at: `${here}/${second}`,
        rule: error.keyword,
        message: `repeats entry ${first}; remove it`,
        fix: [{ op: 'remove', path: `${here}/${second}` }],
      }
    }
    case 'propertyNames': {
      const key = String(params['propertyName'])
      const { title } = error.schema as Schema
      return {
        at: `${here}/${token(key)}`,
        rule: error.keyword,
        message:
          typeof title === 'string'
            ? `must be ${title}; write it so, or remove it`
            : 'has a name that is not admitted here; remove it',
        fix: [{ op: 'remove', path: `${here}/${token(key)}` }],
      }
    }
    default: {
      const described =
        typeof schema['title'] === 'string' ? `must be ${schema['title']}` : (error.message ?? 'is not valid')
      return instead(described, meantBy(error) ?? sample(schema))
    }
  }
}

/** Merges findings that are one mistake: a misspelt key and the "required" that it caused. */
export function distinct(findings: readonly Finding[]): Finding[] {
  const moved = new Set(findings.flatMap(({ fix }) => fix.map((one) => (one.op === 'move' ? one.path : ''))))
  const taken = new Set<string>()
  const kept = findings.filter(({ at: place, rule }) => {
    if (rule === 'required' && moved.has(place)) return false
    const key = `${place} ${rule}`
    return taken.has(key) ? false : taken.add(key)
  })
  // Of two keys that move into an option which is not there, the first makes it: made twice, it would lose what it holds.
  const made = new Set<string>()
  const again = ({ op, path }: Operation): boolean => op === 'add' && made.has(path)
  return kept.map((one) => {
    const fix = one.fix.filter((operation) => !again(operation))
    for (const { op, path } of one.fix) if (op === 'add' && one.fix.length > 1) made.add(path)
    return { ...one, fix }
  })
}

/** The lines of an error message: paths in one column. */
export function table(rows: readonly (readonly [path: string, message: string])[]): string {
  const width = Math.min(48, Math.max(...rows.map(([path]) => path.length)))
  return rows.map(([path, message]) => `  ${path.padEnd(width)}  ${message}`).join('\n')
}
