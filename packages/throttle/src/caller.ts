import { hash } from 'node:crypto'
import { addressKey } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import type { PartitionBy, PartitionKey } from './options.ts'

/** Names the one that a request counts for. Never throws; names of one kind are never names of another. */
export type CallerOf = (request: FastifyRequest) => string

/** Longer names are kept as hashes: the caller chooses them, the memory is ours. */
const LONGEST = 64

const named = (kind: string, name: string): string =>
  name.length <= LONGEST ? kind + name : kind.toUpperCase() + hash('sha256', name, 'base64url')

const everybody: CallerOf = () => 'g'

const byAddress: CallerOf = ({ ip }) => `a${addressKey(ip)}`

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

function byFunction(name: (request: FastifyRequest) => unknown, onThrow: (error: unknown) => void): CallerOf {
  return (request) => {
    let value: unknown
    try {
      value = name(request)
    } catch (error) {
      onThrow(error)
      return byAddress(request)
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
const joined = (parts: readonly CallerOf[]): CallerOf => {
  return (request) => {
    let name = ''
    for (const part of parts) {
      const one = part(request)
      name += `${one.length}:${one}`
    }
    return named('c', name)
  }
}

/** `partitionBy` as a list. */
export function keysOf(partitionBy: PartitionBy): readonly PartitionKey[] {
  return Array.isArray(partitionBy) ? (partitionBy as readonly PartitionKey[]) : [partitionBy as PartitionKey]
}

/**
 * Compiles `partitionBy`.
 * @param apiKeyField header field of API keys, lower case
 * @param onThrow told when a function throws or returns no string; the caller then counts by address
 */
export function compileCaller(
  partitionBy: PartitionBy,
  apiKeyField: string,
  onThrow: (error: unknown) => void,
): CallerOf {
  const one = (key: PartitionKey): CallerOf => {
    if (typeof key === 'function') return byFunction(key, onThrow)
    if (typeof key === 'object') return byHeader(key.header)
    if (key === 'global') return everybody
    if (key === 'identity') return byIdentity
    return key === 'api-key' ? byApiKey(apiKeyField) : byAddress
  }
  const keys = keysOf(partitionBy)
  return keys.length === 1 ? one(keys[0] as PartitionKey) : joined(keys.map(one))
}
