import { hash } from 'node:crypto'
import { compilePartition, partitionKeys, type CallerOf } from '@portcullis/kernel'
import type { PartitionBy, PartitionKey } from './policy-options.ts'

const nobody = (): void => undefined

/** The caller by address alone. */
export const byAddress: CallerOf = compilePartition('ip', { apiKeyField: '', onThrow: nobody })

const byRoute: CallerOf = (request) => `r${request.routeOptions.url ?? ''}`
// RFC 9110 §9.3.2: HEAD asks for what GET answers.
const byMethod: CallerOf = ({ method }) => `m${method === 'HEAD' ? 'GET' : method}`

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
): CallerOf {
  const beside = per.map((what) => (what === 'route' ? byRoute : byMethod))
  return compilePartition(partitionBy, { apiKeyField, onThrow, beside })
}

/** `partitionBy` as a list. */
export const keysOf = (partitionBy: PartitionBy): readonly PartitionKey[] => partitionKeys<PartitionKey>(partitionBy)

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
