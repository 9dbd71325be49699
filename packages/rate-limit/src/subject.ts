import { hash } from 'node:crypto'
import { addressKey } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import type { PartitionBy } from './options.ts'

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

/**
 * Compiles `partitionBy`.
 * @param apiKeyField header field of API keys, lower case
 * @param onThrow told when a function throws or returns no string; the caller is then counted by address
 */
export function compileSubject(
  partitionBy: PartitionBy,
  apiKeyField: string,
  onThrow: (error: unknown) => void,
): SubjectOf {
  if (typeof partitionBy === 'function') return byFunction(partitionBy, onThrow)
  if (partitionBy === 'identity') return byIdentity
  return partitionBy === 'api-key' ? byApiKey(apiKeyField) : byAddress
}

/**
 * A subject's name in events and shared stores: of one length and one alphabet. Whoever reads it can still try all IPv4
 * addresses, so it is personal data.
 */
export function subjectHash(subject: string): string {
  return hash('sha256', subject, 'base64url').slice(0, 27)
}
