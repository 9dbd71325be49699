import { once } from 'node:events'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK } from 'jose'
import * as oauth from 'oauth4webapi'
import { Provider } from 'oidc-provider'

/** What two APIs are called at the provider: one takes JWTs, the other opaque tokens. */
export const API = { jwt: 'https://jwt.api.example.com', opaque: 'https://opaque.api.example.com' } as const

const REDIRECT = 'https://app.example.com/callback'
export const apiClient = { id: 'orders-api', secret: 'a secret of the API: 0123456789abcdef' } as const

/** Clients that prove themselves with a key (`private_key_jwt`), by the algorithm. */
export const keyClients = {
  ES256: { id: 'orders-api-es256', keys: generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
  RS256: { id: 'orders-api-rs256', keys: generateKeyPairSync('rsa', { modulusLength: 2048 }) },
  EdDSA: { id: 'orders-api-eddsa', keys: generateKeyPairSync('ed25519') },
} as const

/** A certified provider in this process, and a client of it that signs users in. */
export class RunningProvider {
  readonly issuer: string
  readonly privateKey: ReturnType<typeof generateKeyPairSync>['privateKey']
  readonly kid: string
  readonly server: oauth.AuthorizationServer
  readonly #close: () => Promise<void>

  private constructor(
    issuer: string,
    key: Pick<RunningProvider, 'privateKey' | 'kid'>,
    server: oauth.AuthorizationServer,
    close: () => Promise<void>,
  ) {
    this.issuer = issuer
    this.privateKey = key.privateKey
    this.kid = key.kid
    this.server = server
    this.#close = close
  }

  static async start(): Promise<RunningProvider> {
    const listening = createServer().listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const issuer = `http://localhost:${(listening.address() as AddressInfo).port}`
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const kid = randomUUID()
    const jwk = { ...(await exportJWK(privateKey)), kid, alg: 'ES256', use: 'sig' }
    const provider = quietly(issuer, {
      jwks: { keys: [jwk as never] },
      clients: [
        {
          client_id: 'app',
          redirect_uris: [REDIRECT],
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code', 'refresh_token'],
        },
        {
          client_id: apiClient.id,
          client_secret: apiClient.secret,
          redirect_uris: [],
          response_types: [],
          grant_types: [],
        },
        ...Object.entries(keyClients).map(([alg, { id, keys }]) => ({
          client_id: id,
          token_endpoint_auth_method: 'private_key_jwt' as const,
          token_endpoint_auth_signing_alg: alg as 'ES256',
          jwks: { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: `${id}-1`, use: 'sig', alg }] as never },
          redirect_uris: [],
          response_types: [],
          grant_types: [],
        })),
      ],
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      scopes: ['openid', 'offline_access', 'orders:read', 'orders:write'],
      cookies: { keys: ['a key of this test'] },
      ttl: {
        AccessToken: 600,
        AuthorizationCode: 60,
        Grant: 600,
        IdToken: 600,
        Interaction: 600,
        RefreshToken: 600,
        Session: 600,
      },
      findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      features: {
        introspection: { enabled: true, allowedPolicy: () => true },
        revocation: { enabled: true, allowedPolicy: () => true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => API.jwt,
          useGrantedResource: () => true,
          getResourceServerInfo: (_ctx, resource) => ({
            scope: 'orders:read orders:write',
            audience: resource,
            accessTokenTTL: 600,
            accessTokenFormat: resource === API.jwt ? ('jwt' as const) : ('opaque' as const),
            jwt: { sign: { alg: 'ES256' as const } },
          }),
        },
      },
    })
    listening.on('request', provider.callback() as never)
    const discovered = await oauth.discoveryRequest(new URL(issuer), insecure)
    const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered)
    return new RunningProvider(issuer, { privateKey, kid }, server, async () => {
      listening.closeAllConnections()
      listening.close()
      await once(listening, 'close')
    })
  }

  stop(): Promise<void> {
    return this.#close()
  }

  /** Signs a user in: the code flow with PKCE (RFC 7636), as a browser and its app do it. */
  async signIn(login: string, resource: string, scope: string): Promise<oauth.TokenEndpointResponse> {
    const verifier = oauth.generateRandomCodeVerifier()
    const state = oauth.generateRandomState()
    const asked = new URL(this.server.authorization_endpoint as string)
    const query = {
      client_id: 'app',
      redirect_uri: REDIRECT,
      response_type: 'code',
      scope: `openid ${scope}`,
      resource,
      state,
      prompt: 'consent',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }
    for (const [name, value] of Object.entries(query)) asked.searchParams.set(name, value)
    const back = await this.#browse(asked, login)
    const client: oauth.Client = { client_id: 'app' }
    const answered = oauth.validateAuthResponse(this.server, client, back, state)
    const granted = await oauth.authorizationCodeGrantRequest(
      this.server,
      client,
      oauth.None(),
      answered,
      REDIRECT,
      verifier,
      { ...insecure, additionalParameters: { resource } },
    )
    return oauth.processAuthorizationCodeResponse(this.server, client, granted)
  }

  async revoke(token: string): Promise<void> {
    await oauth.revocationRequest(this.server, { client_id: 'app' }, oauth.None(), token, insecure)
  }

  /** Whether the provider itself calls a token active. */
  async isActive(token: string): Promise<boolean> {
    const client = { client_id: apiClient.id }
    const secret = oauth.ClientSecretBasic(apiClient.secret)
    const answer = await oauth.introspectionRequest(this.server, client, secret, token, insecure)
    return ((await answer.json()) as { active: boolean }).active
  }

  /** Follows redirections with a jar of cookies, and fills in the provider's forms. */
  async #browse(start: URL, login: string): Promise<URL> {
    const jar = new Map<string, string>()
    let url = start
    let form: URLSearchParams | undefined
    for (let step = 0; step < 20; step++) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
      const answer = await fetch(url, {
        method: form === undefined ? 'GET' : 'POST',
        redirect: 'manual',
        headers: { cookie },
        ...(form === undefined ? {} : { body: form }),
      })
      for (const line of answer.headers.getSetCookie()) {
        const [name = '', value = ''] = (line.split(';')[0] ?? '').split(/=(.*)/s)
        if (value === '') jar.delete(name)
        else jar.set(name, value)
      }
      form = undefined
      const location = answer.headers.get('location')
      const page = await answer.text()
      if (location !== null) {
        url = new URL(location, url)
        if (url.origin !== this.issuer) return url
        continue
      }
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1]
      const action = /action="([^"]+)"/.exec(page)?.[1]
      if (prompt === undefined || action === undefined) throw new Error(`${answer.status} ${page.slice(0, 500)}`)
      url = new URL(action, url)
      form = new URLSearchParams(prompt === 'login' ? { prompt, login, password: 'x' } : { prompt })
    }
    throw new Error('the provider asks without end')
  }
}

/** It warns that what a test uses is for development. */
function quietly(...given: ConstructorParameters<typeof Provider>): Provider {
  const { warn } = console
  console.warn = () => {}
  try {
    return new Provider(...given)
  } finally {
    console.warn = warn
  }
}

/** Plain http on this machine. */
export const insecure = { [oauth.allowInsecureRequests]: true } as const
