import type { ApiKeyEntry, ApiKeyOptions, FindApiKey } from '@portcullis/auth'
import { Agent, type Dispatcher } from 'undici'
import type { OwnTokens } from '../internal-tokens.ts'
import { findKeys } from '../tokens.ts'

/** What keys are found with. */
export interface ApiKeyParts {
  /** Where the user service really listens, as a URL. */
  readonly userService: string
  /** The CA that vouches for it, PEM. */
  readonly ca: string
  readonly tokens: OwnTokens
}

/** The user service keeps API keys: the gateway holds no data. What goes wrong is answered 503 by `auth`. */
export function openApiKeys({ userService, ca, tokens }: ApiKeyParts): {
  readonly find: FindApiKey
  readonly recordUses: NonNullable<ApiKeyOptions['recordUses']>
  close(): Promise<void>
} {
  const dispatcher = new Agent({ connect: { ca, timeout: 3000 }, headersTimeout: 4500, bodyTimeout: 4500 })
  const ask = (method: 'GET' | 'POST', path: string, body?: object): Promise<Dispatcher.ResponseData> =>
    dispatcher.request({
      origin: userService,
      path,
      method,
      headers: {
        authorization: `Bearer ${tokens.issue('user-service', findKeys)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
  return {
    async find(id) {
      // The form of an id, 12 letters and digits, was checked before.
      const { statusCode, body } = await ask('GET', `/private/api-keys/${id}`)
      const answer = await body.json()
      if (statusCode === 404) return null
      if (statusCode !== 200) throw new Error(`the user service answered ${statusCode}`)
      return answer as ApiKeyEntry
    },
    async recordUses(uses) {
      const { statusCode, body } = await ask('POST', '/private/api-key-uses', uses)
      await body.dump()
      if (statusCode !== 204) throw new Error(`the user service answered ${statusCode}`)
    },
    close: () => dispatcher.close(),
  }
}
