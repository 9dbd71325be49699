import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createApiKey } from '@portcullis/auth'
import type { Mistake, Schema } from '@portcullis/kernel'
import type { SecurityOptions } from '@portcullis/security'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const secret = randomBytes(32).toString('base64url')
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
const { entry } = createApiKey({ subject: 's', scopes: ['a'], expires: 4_000_000_000 })

/** Every room's options, none of them `false`. */
export type House = {
  [Room in Exclude<keyof SecurityOptions, 'reportOnly'>]-?: Exclude<SecurityOptions[Room], false | undefined>
}

/** A whole house in which every room has most of its options set. */
export function fullHouse(): House {
  return {
    https: {
      hosts: ['api.example.com'],
      hsts: { maxAge: 31_536_000, includeSubDomains: true },
      credentialFields: ['x-api-key'],
    },
    headers: {
      profile: 'web',
      contentSecurityPolicy: { 'img-src': ["'self'"] },
      permissionsPolicy: { camera: ['self'] },
      referrerPolicy: 'no-referrer',
    },
    cors: {
      origins: ['https://app.example.com'],
      credentials: true,
      methods: ['GET', 'POST'],
      requestHeaders: ['Content-Type'],
      exposedHeaders: ['X-Request-Id'],
      maxAge: 600,
    },
    validation: {
      empty: ['query'],
      mediaTypes: ['application/json', 'multipart/form-data'],
      contentEncodings: ['gzip'],
      json: { depth: 16, keys: 1000, exactNumbers: true },
      bodyRate: { bytesPerSecond: 500, grace: 5 },
      admitInPath: ['encoded-slash'],
      requireResponse: false,
      dangerouslyAdmitUndeclared: ['body'],
      strict: false,
      looseSchemas: 'warn',
    },
    throttle: {
      rate: { limit: 50, window: 1, burst: 10, partitionBy: 'ip' },
      concurrency: { limit: 500, partitionBy: 'global', maxHold: 60 },
      delayAfter: { limit: 100, window: 60, stepMs: 100, maxMs: 2000 },
      shed: { eventLoopDelayMs: 500, retryAfter: 5 },
      queue: { length: 500, perCaller: 50, waitMs: 5000, partitionBy: 'identity' },
    },
    rateLimit: {
      policies: [
        {
          name: 'per-ip',
          algorithm: 'token-bucket',
          limit: 100,
          window: 60,
          burst: 10,
          cost: 1,
          partitionBy: 'ip',
          ban: { after: 100, within: 60, for: 600 },
        },
        {
          name: 'per-tenant',
          limit: 500,
          window: 60,
          partitionBy: ['ip', { header: 'x-tenant' }, { body: 'email' }],
          per: ['route', 'method'],
          methods: ['POST'],
          reportOnly: true,
        },
      ],
      allow: ['10.0.0.0/8'],
      deny: ['203.0.113.0/24'],
      nearing: 0.1,
      reset: 'delta',
      store: { maxKeys: 1_000, timeoutMs: 50 },
      onStoreError: 'closed',
    },
    csrf: {
      origins: ['https://app.example.com'],
      token: 'always',
      jsonOnly: true,
      ambient: ['cookie', 'basic'],
      secrets: [secret],
      session: '__Host-session',
      cookie: { name: '__Host-csrf', sameSite: 'Lax' },
    },
    auth: {
      jwt: {
        key: pem,
        algorithms: ['ES256'],
        issuer: 'https://id.example.com',
        audience: 'https://api.example.com',
        clockTolerance: 5,
      },
      apiKeys: { header: 'x-api-key', prefix: 'ptc', keys: [structuredClone(entry)], cacheFor: 30 },
      introspection: {
        endpoint: 'https://id.example.com/introspect',
        clientId: 'orders-api',
        clientSecret: 'a secret',
        clientAuthentication: 'client_secret_basic',
        audience: 'https://api.example.com',
        issuer: 'https://id.example.com',
        subjectClaim: 'sub',
        cacheFor: 30,
        maxTokenBytes: 4096,
      },
      clientCertificate: {
        identities: [{ name: 'DNS:billing.internal', subject: 'billing', scopes: ['a'], roles: ['service'] }],
      },
      resourceMetadata: {
        resource: 'https://api.example.com',
        authorizationServers: ['https://id.example.com'],
        scopes: ['a'],
      },
      realm: 'api',
      lookUpTimeout: 5,
    },
    issuer: {
      issuer: 'https://id.example.com',
      audience: 'https://api.example.com',
      clientId: 'first-party',
      accessTokenLifetime: 300,
      refreshToken: { grace: 10 },
      maxSessions: 10,
      keys: { algorithm: 'EdDSA', reload: 60 },
      jwks: { path: '/.well-known/jwks.json', security: { auth: false } },
      password: {
        minLength: 8,
        words: ['portcullis'],
        memoryKiB: 8,
        passes: 1,
        queue: 10,
        dangerouslyCheapHashes: true,
      },
      secret,
    },
    gateway: {
      upstreams: {
        'user-service': {
          targets: ['https://user-service.local:7001'],
          timeouts: { connect: 3, headers: 5, body: 5 },
          concurrency: 10,
        },
      },
      resolve: { 'user-service.local': '127.0.0.1' },
      internalToken: { issuer: 'gateway', key: privateKey, lifetime: 60 },
      routes: [
        {
          match: { method: ['GET'], path: '/profile' },
          upstream: 'user-service',
          rewrite: '/api/profile',
          timeouts: { headers: 5 },
          policy: { auth: {} },
        },
      ],
      bodyLimit: 1_000,
    },
    xss: { html: true, svg: false, xml: false, pdf: true, javascript: false, strict: true, richText: 'article' },
    sql: {
      // No database is there: under `reportOnly` the room says so, and lets the app start.
      url: 'postgres://app@127.0.0.1:1/app',
      reportOnly: true,
      dangerouslyPlaintext: true,
      maxConnections: 10,
      connectTimeout: 3,
      statementTimeout: 5,
      transactionTimeout: 10,
      rights: { 'public.posts': ['SELECT', 'UPDATE (title)'] },
      rowSecurity: ['public.posts'],
    },
    audit: { access: true, decisions: true, userAgent: true, secretParams: ['token'] },
  }
}

/** One thing done wrong to a valid configuration. */
export interface Mutation {
  readonly at: string
  readonly what: string
  apply(options: object): void
}

type Json = Record<string, unknown>

function holder(options: object, path: readonly string[]): [Json, string] {
  let at = options as Json
  for (const key of path.slice(0, -1)) at = at[key] as Json
  return [at, path.at(-1) as string]
}

/** A value that breaks one rule of a schema, by the rule. */
function broken(schema: Schema, valid: unknown): [rule: string, value: unknown][] {
  const wrong: [string, unknown][] = []
  const { type, accepts } = schema
  if (type === 'integer' || type === 'boolean') wrong.push(['type', valid === undefined ? 'x' : JSON.stringify(valid)])
  if (type === 'string') wrong.push(['type', 7])
  if (type === 'array') wrong.push(['type', 'x'])
  if (type === 'object') wrong.push(['type', 'x'])
  if (Array.isArray(accepts) && !accepts.includes('number') && !accepts.includes('integer')) wrong.push(['accepts', 7])
  if (type === 'integer') wrong.push(['type', 1.5])
  if (typeof schema['minimum'] === 'number') wrong.push(['minimum', schema['minimum'] - 1])
  if (typeof schema['maximum'] === 'number') wrong.push(['maximum', schema['maximum'] + 1])
  if (schema['enum'] !== undefined) wrong.push(['enum', 'sideways'])
  if (schema['pattern'] !== undefined) wrong.push(['pattern', 'no \u0001/: such {thing}'])
  if (typeof schema['minItems'] === 'number' && schema['minItems'] > 0) wrong.push(['minItems', []])
  if (schema['uniqueItems'] === true && Array.isArray(valid)) wrong.push(['uniqueItems', [...valid, ...valid]])
  return wrong
}

/** Every single mistake that the schema knows of, made at every place that the configuration fills. */
export function mutations(schema: Schema, valid: unknown, path: readonly string[] = []): Mutation[] {
  const found: Mutation[] = []
  const set = (where: readonly string[], what: string, value: unknown): void => {
    found.push({
      at: `/${where.join('/')}`,
      what,
      apply(options) {
        const [at, key] = holder(options, where)
        at[key] = value
      },
    })
  }
  for (const [rule, value] of path.length === 0 ? [] : broken(schema, valid)) set(path, rule, value)
  if (Array.isArray(valid))
    return valid.length === 0
      ? found
      : [...found, ...mutations((schema['items'] ?? {}) as Schema, valid[0], [...path, '0'])]
  if (typeof valid !== 'object' || valid === null || Object.getPrototypeOf(valid) !== Object.prototype) return found

  const properties = (schema['properties'] ?? {}) as Record<string, Schema>
  if (schema['additionalProperties'] === false) set([...path, 'unknwon'], 'additionalProperties', true)
  for (const key of (schema['required'] ?? []) as string[]) {
    found.push({
      at: `/${[...path, key].join('/')}`,
      what: 'required',
      apply(options) {
        const [at, last] = holder(options, [...path, key])
        delete at[last]
      },
    })
  }
  for (const [key, value] of Object.entries(valid)) {
    const own =
      properties[key] ??
      (typeof schema['additionalProperties'] === 'object' ? (schema['additionalProperties'] as Schema) : {})
    found.push(...mutations(own, value, [...path, key]))
  }
  return found
}

/** Where in the schema, and which rule: two misspelt keys of one object are one kind of mistake. */
export function kindOf({ path, rule }: Mistake): string {
  const place = path.replaceAll(/\[\d+\]/g, '[*]')
  return `${rule === 'additionalProperties' ? place.replace(/[^.]*$/, '?') : place} ${rule}`
}
