import type { ApiKeyEntry, FindApiKey } from '@portcullis/auth'
import { Agent } from 'undici'
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

/** Asks the user service, which keeps API keys: the gateway holds no data. What goes wrong is answered 503 by `auth`. */
export function openApiKeys({ userService, ca, tokens }: ApiKeyParts): {
  readonly find: FindApiKey
  close(): Promise<void>
} {
  const dispatcher = new Agent({ connect: { ca, timeout: 3000 }, headersTimeout: 4500, bodyTimeout: 4500 })
  return {
    async find(id) {
      const { statusCode, body } = await dispatcher.request({
        origin: userService,
        // The form of an id, 12 letters and digits, was checked before.
        path: `/private/api-keys/${id}`,
        method: 'GET',
        headers: { authorization: `Bearer ${tokens.issue('user-service', findKeys)}` },
      })
      const answer = await body.json()
      if (statusCode === 404) return null
      if (statusCode !== 200) throw new Error(`the user service answered ${statusCode}`)
      return answer as ApiKeyEntry
    },
    close: () => dispatcher.close(),
  }
}
