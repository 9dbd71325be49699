import { hash } from 'node:crypto'
import { addressKey } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import type { PartitionBy, PartitionKey } from './policy-options.ts'

/** Names the one whose quota a request spends. Never throws, never returns what another kind of caller could have. */
export type SubjectOf = (request: FastifyRequest) => string

/** Longer names are kept as hashes: the caller chooses them, the memory is ours. */
const LONGEST = 64

/** The first letter says the kind, so that a name of one kind is never a name of another. */
const named = (kind: string, name: string): string =>
  name.length <= LONGEST ? kind + name : kind.toUpperCase() + hash('sha256', name, 'base64url')

let lastAddress: string | undefined
let lastKey = ''

/** By address; the last one parsed is remembered, for several policies ask for the same. */
export const byAddress: SubjectOf = ({ ip }) => {
  if (ip !== lastAddress || lastKey === '') {
    lastAddress = ip
    lastKey = `a${addressKey(ip)}`
  }
  return lastKey
}

const byIdentity: SubjectOf = (request) => {
  const identity = request.security.identity
  if (identity === null || identity === undefined) return byAddress(request)
  const { scheme, subject, claims } = identity
  const issuer = typeof claims?.['iss'] === 'string' ? claims['iss'] : ''
  // Lengths in front: no choice of issuer and subject spells another pair.
  return named('i', `${scheme.length}:${scheme}${issuer.length}:${issuer}${subject}`)
}

function byApiKey(field: string): SubjectOf {
  return (request) => {
    const key = request.headers[field]
    return typeof key === 'string' && key !== '' ? `k${hash('sha256', key, 'base64url')}` : byAddress(request)
  }
}

function byHeader(field: string): SubjectOf {
  return (request) => {
    const value = request.headers[field]
    return typeof value === 'string' && value !== '' ? named('h', value) : byAddress(request)
  }
}

/** By a member of a JSON object or form. A number and its text are one name; objects, lists and truth values are none. */
function byBody(field: string): SubjectOf {
  return (request) => {
    const { body } = request
    if (typeof body !== 'object' || body === null || Array.isArray(body) || !Object.hasOwn(body, field))
      return byAddress(request)
    const value: unknown = (body as Record<string, unknown>)[field]
    const name = typeof value === 'number' ? String(value) : value
    return typeof name === 'string' && name !== '' ? named('b', name) : byAddress(request)
  }
}

function byFunction(name: (request: FastifyRequest) => unknown, onThrow: (error: unknown) => void): SubjectOf {
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

const everybody: SubjectOf = () => 'g'

/** Several names as one: lengths in front, so that no choice of parts spells other parts. */
const joined = (kind: string, parts: readonly SubjectOf[]): SubjectOf => {
  return (request) => {
    let name = ''
    for (const part of parts) {
      const one = part(request)
      name += `${one.length}:${one}`
    }
    return named(kind, name)
  }
}

const byRoute: SubjectOf = (request) => `r${request.routeOptions.url ?? ''}`
// RFC 9110 §9.3.2: HEAD asks for what GET answers.
const byMethod: SubjectOf = ({ method }) => `m${method === 'HEAD' ? 'GET' : method}`

/** What a policy says about whose quota it is. */
export interface Partition {
  readonly partitionBy: PartitionBy
  readonly per: readonly ('route' | 'method')[]
}

/**
 * Compiles `partitionBy` and `per`.
 * @param apiKeyField header field of API keys, lower case
 * @param onThrow told when a function throws or returns no string; the caller is then counted by address
 */
export function compileSubject(
  { partitionBy, per }: Partition,
  apiKeyField: string,
  onThrow: (error: unknown) => void,
): SubjectOf {
  const one = (key: PartitionKey): SubjectOf => {
    if (typeof key === 'function') return byFunction(key, onThrow)
    if (typeof key === 'object') return 'header' in key ? byHeader(key.header) : byBody(key.body)
    if (key === 'identity') return byIdentity
    if (key === 'global') return everybody
    return key === 'api-key' ? byApiKey(apiKeyField) : byAddress
  }
  const keys = keysOf(partitionBy)
  const whole = keys.length === 1 ? one(keys[0] as PartitionKey) : joined('c', keys.map(one))
  if (per.length === 0) return whole
  return joined('p', [whole, ...per.map((what) => (what === 'route' ? byRoute : byMethod))])
}

/** `partitionBy` as a list. */
export function keysOf(partitionBy: PartitionBy): readonly PartitionKey[] {
  return Array.isArray(partitionBy) ? (partitionBy as readonly PartitionKey[]) : [partitionBy as PartitionKey]
}

/** Whether a caller chooses the name itself, unverified. */
export function isChosen(key: PartitionKey): boolean {
  return key === 'api-key' || typeof key === 'object'
}

/** Whether two policies mean the same callers. */
export function samePartition(one: Partition, other: Partition): boolean {
  const texts = ({ partitionBy, per }: Partition): unknown[] => [
    ...keysOf(partitionBy).map((key) => (typeof key === 'object' ? JSON.stringify(key) : key)),
    ...per.toSorted().map((what) => `per ${what}`),
  ]
  const [mine, theirs] = [texts(one), texts(other)]
  return mine.length === theirs.length && mine.every((text, at) => text === theirs[at])
}

/**
 * A subject's name in events and shared stores: of one length and one alphabet. Whoever reads it can still try all IPv4
 * addresses, so it is personal data.
 */
export function subjectHash(subject: string): string {
  return hash('sha256', subject, 'base64url').slice(0, 27)
}
