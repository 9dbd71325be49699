import { readFileSync } from 'node:fs'
import { createApiKey } from '@portcullis/auth'
import { stringify } from 'yaml'

/** What `gateway-server api-key` is told. */
export interface ApiKeyArguments {
  readonly owner: string
  readonly scopes?: readonly string[]
  readonly roles?: readonly string[]
  readonly prefix?: string
  /** Days after which it is refused. */
  readonly days?: number
  /** A file with the `pepper` of the options. */
  readonly pepperFile?: string
}

const DAY = 86_400

/**
 * Makes an API key.
 * @param now milliseconds since the epoch
 * @returns the key, to be shown once, and its entry, a list of one, in YAML
 */
export function makeApiKey(
  { owner, scopes, roles, prefix, days, pepperFile }: ApiKeyArguments,
  now: number,
): { readonly key: string; readonly entry: string } {
  if (days !== undefined && !(Number.isInteger(days) && days > 0))
    throw new TypeError('--days is a whole number above 0')
  const { key, entry } = createApiKey({
    subject: owner,
    ...(scopes === undefined ? {} : { scopes }),
    ...(roles === undefined ? {} : { roles }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(days === undefined ? {} : { expires: Math.floor(now / 1000) + days * DAY }),
    ...(pepperFile === undefined ? {} : { pepper: readFileSync(pepperFile, 'utf8').replace(/\r?\n$/, '') }),
  })
  return { key, entry: stringify([entry]) }
}
