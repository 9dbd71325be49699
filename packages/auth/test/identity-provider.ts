import { once } from 'node:events'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { audience, claims, type Members, signed, withEs256 } from './forge.ts'
import { selfSigned } from './certificates.ts'

/** A key of the provider, with its private half. */
export interface ProviderKey {
  readonly kid: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export function makeKey(kid: string): ProviderKey {
  return { kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) }
}

/** A provider over real TLS on loopback that a test may break in every way. */
export class IdentityProvider {
  readonly origin: string
  readonly ca: string
  /** Keys that it publishes. */
  keys: ProviderKey[] = [makeKey('key-1')]
  /** Members of its description that differ. */
  description: Members = {}
  /** Cache-Control of the keys. */
  cacheControl: string | undefined
  /** Answers something else than keys. */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  /** Requests for keys, and how many of them were answered 304. */
  readonly asked = { keys: 0, unchanged: 0, description: 0 }
  readonly #server: Server

  constructor(server: Server, ca: string) {
    this.#server = server
    this.ca = ca
    this.origin = `https://localhost:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => this.#answer(request, response))
  }

  static async start(): Promise<IdentityProvider> {
    const { key, cert } = await selfSigned()
    const server = createServer({ key, cert }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new IdentityProvider(server, cert)
  }

  get jwks(): string {
    return `${this.origin}/keys`
  }

  /** Signs an access token; `jti` makes it another one. */
  token(key: ProviderKey = this.keys[0] as ProviderKey, payload: Members = {}, header: Members = {}): string {
    const members = { ...claims, iss: this.origin, aud: audience, iat: 1_700_000_000, ...payload }
    return signed({ alg: 'ES256', typ: 'at+jwt', kid: key.kid, ...header }, members, withEs256(key.privateKey))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/.well-known/openid-configuration') {
      this.asked.description++
      const described = { issuer: this.origin, jwks_uri: this.jwks, ...this.description }
      response.setHeader('content-type', 'application/json').end(JSON.stringify(described))
      return
    }
    this.asked.keys++
    if (this.instead !== undefined) return this.instead(request, response)
    const etag = `"${this.keys.map(({ kid }) => kid).join('-')}"`
    response.setHeader('etag', etag)
    if (this.cacheControl !== undefined) response.setHeader('cache-control', this.cacheControl)
    if (request.headers['if-none-match'] === etag) {
      this.asked.unchanged++
      response.writeHead(304).end()
      return
    }
    const keys = this.keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' }))
    response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys }))
  }
}
