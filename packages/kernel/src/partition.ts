import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { addressKey } from './address.ts'
import type { BodyKey, PartitionBy, PartitionKey } from './partition-options.ts'

/** Names the one that a request counts for. Never throws; names of one kind are never names of another. */
export type CallerOf = (request: FastifyRequest) => string

/** What naming callers needs to know. */
export interface PartitionParts {
  /** Header field of API keys, lower case. */
  readonly apiKeyField: string
  /** Told when a function throws or returns no string; the caller then counts by address. */
  readonly onThrow: (error: unknown) => void
  /** What else tells callers apart, such as the route. */
  readonly beside?: readonly CallerOf[]
}

/** Longer names are kept as hashes: the caller chooses them, the memory is ours. */
const LONGEST = 64

/** The first letter says the kind, so that a name of one kind is never a name of another. */
const named = (kind: string, name: string): string =>
  name.length <= LONGEST ? kind + name : kind.toUpperCase() + hash('sha256', name, 'base64url')

let lastAddress: string | undefined
let lastKey = ''

/** By address; the last one parsed is remembered, for several policies ask for the same. */
const byAddress: CallerOf = ({ ip }) => {
  if (ip !== lastAddress || lastKey === '') {
    lastAddress = ip
    lastKey = `a${addressKey(ip)}`
  }
  return lastKey
}

const everybody: CallerOf = () => 'g'

const byIdentity: CallerOf = (request) => {
  const { identity } = request.security
  if (identity === null || identity === undefined) return byAddress(request)
  const { scheme, subject, claims } = identity
  const issuer = typeof claims?.['iss'] === 'string' ? claims['iss'] : ''
  // Lengths in front: no choice of issuer and subject spells another pair.
  return named('i', `${scheme.length}:${scheme}${issuer.length}:${issuer}${subject}`)
}

function byApiKey(field: string): CallerOf {
  return (request) => {
    const key = request.headers[field]
    return typeof key === 'string' && key !== '' ? `k${hash('sha256', key, 'base64url')}` : byAddress(request)
  }
}

function byHeader(field: string): CallerOf {
  return (request) => {
    const value = request.headers[field]
    return typeof value === 'string' && value !== '' ? named('h', value) : byAddress(request)
  }
}

/** By a member of a JSON object or form. A number and its text are one name; objects, lists and truth values are none. */
function byBody(field: string): CallerOf {
  return (request) => {
    const { body } = request
    if (typeof body !== 'object' || body === null || Array.isArray(body) || !Object.hasOwn(body, field))
      return byAddress(request)
    const value: unknown = (body as Record<string, unknown>)[field]
    const name = typeof value === 'number' ? String(value) : value
    return typeof name === 'string' && name !== '' ? named('b', name) : byAddress(request)
  }
}

function byFunction(name: (request: FastifyRequest) => unknown, onThrow: (error: unknown) => void): CallerOf {
  return (request) => {
    let value: unknown
    try {
      value = name(request)
    } catch (error) {
      onThrow(error)
    }
    if (typeof value === 'string' && value !== '') return named('f', value)
    // A promise is no name; left alone, its rejection would end the process.
    if (value instanceof Promise) value.catch(() => {})
    if (value !== undefined && value !== null && value !== '')
      onThrow(new TypeError(`partitionBy returned ${typeof value}, and a name is a string`))
    return byAddress(request)
  }
}

/** Several names as one: lengths in front, so that no choice of parts spells other parts. */
function joined(kind: string, parts: readonly CallerOf[]): CallerOf {
  return (request) => {
    let name = ''
    for (const part of parts) {
      const one = part(request)
      name += `${one.length}:${one}`
    }
    return named(kind, name)
  }
}

/** `partitionBy` as a list. */
export function partitionKeys<Key>(partitionBy: Key | readonly Key[]): readonly Key[] {
  return Array.isArray(partitionBy) ? (partitionBy as readonly Key[]) : [partitionBy as Key]
}

/** Compiles `partitionBy`. Whoever has no name counts by address, never as one with all who have none. */
export function compilePartition(
  partitionBy: PartitionBy | BodyKey | readonly (PartitionKey | BodyKey)[],
  { apiKeyField, onThrow, beside = [] }: PartitionParts,
): CallerOf {
  const one = (key: PartitionKey | BodyKey): CallerOf => {
    if (typeof key === 'function') return byFunction(key, onThrow)
    if (typeof key === 'object') return 'header' in key ? byHeader(key.header) : byBody(key.body)
    if (key === 'identity') return byIdentity
    if (key === 'global') return everybody
    return key === 'api-key' ? byApiKey(apiKeyField) : byAddress
  }
  const [first, ...more] = partitionKeys<PartitionKey | BodyKey>(partitionBy).map(one)
  const whole =
    first !== undefined && more.length === 0 ? first : joined('c', first === undefined ? [] : [first, ...more])
  return beside.length === 0 ? whole : joined('p', [whole, ...beside])
}
