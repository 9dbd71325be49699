import type { ObjectSchema, Schema } from '@portcullis/kernel'
import { optionsSchema, routeSchemas, tlsOptionsSchema } from '@portcullis/security'

const seconds = (description: string, preset: number, minimum = 0): Schema => ({
  type: 'integer',
  minimum,
  maximum: 3600,
  default: preset,
  description,
})

const host = (preset: string, description: string): Schema => ({
  type: 'string',
  minLength: 1,
  default: preset,
  description,
})

const port = (description: string, preset?: number): Schema => ({
  type: 'integer',
  minimum: 0,
  maximum: 65_535,
  ...(preset === undefined ? { examples: [8080] } : { default: preset }),
  description,
})

/** What the file says beside the options of the rooms. */
export const ownSettings: Readonly<Record<string, Schema>> = {
  $schema: {
    type: 'string',
    examples: ['./node_modules/@portcullis/gateway-server/gateway.schema.json'],
    description: 'Where editors find what may stand here.',
  },
  listen: {
    type: 'object',
    additionalProperties: false,
    default: {},
    description: 'Where clients come in. Its host and ports are read at the start alone.',
    properties: {
      host: host('0.0.0.0', 'The address.'),
      port: port('The port.', 8443),
      plaintextPort: port(
        'A port of plain HTTP, where `https`, which it needs, says what becomes of requests; absent: none.',
      ),
      tls: {
        accepts: ['object'],
        examples: [{ keyFile: 'server.key', certFile: 'server.pem' }],
        description:
          'Key and certificate, as `tlsServerOptions()` of @portcullis/https takes them; files that change are read again. Absent: a proxy in front ends TLS.',
      },
      http2: { type: 'boolean', default: false, description: 'HTTP/2 beside HTTP/1.1.' },
      trustProxy: {
        type: 'array',
        items: { type: 'string', examples: ['10.0.0.0/8'], description: 'An address or a range.' },
        default: [],
        description: 'Proxies whose forwarding fields are believed.',
      },
    },
  },
  operation: {
    type: 'object',
    additionalProperties: false,
    default: {},
    description:
      'Where operators look: `/live`, `/ready`, `/metrics`, and the keys of internal tokens. Never public; read at the start alone.',
    properties: {
      host: host('127.0.0.1', 'The address: a private one.'),
      port: port('The port; 0: any free one.', 9090),
      tls: {
        accepts: ['object'],
        examples: [{ keyFile: 'operation.key', certFile: 'operation.pem' }],
        description: 'Key and certificate, as `listen.tls`: services on other machines fetch keys over TLS alone.',
      },
    },
  },
  drain: {
    type: 'object',
    additionalProperties: false,
    default: {},
    description: 'How the process ends after SIGTERM.',
    properties: {
      delay: seconds('Seconds in which it says that it is not ready, and still takes connections.', 5),
      deadline: seconds('Seconds after that in which what is under way may end.', 30, 1),
    },
  },
  redis: {
    type: 'string',
    pattern: '^rediss?://',
    writeOnly: true,
    examples: ['redis://127.0.0.1:6379'],
    description:
      'The URL of the Redis that quotas and revocations are shared over; absent: each process has its own. Read at the start alone.',
  },
  logLevel: {
    type: 'string',
    enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    default: 'info',
    description: 'The least level of log lines, which are JSON on the standard output.',
  },
}

/** Rooms that are made of code, or keep what no gateway should: they have no place in a file. */
const WITHOUT_ROOMS: readonly string[] = ['issuer', 'sql']

/** What the process itself gives to the rooms. */
const OPENED: Readonly<Record<string, readonly string[]>> = {
  'rateLimit.store': ['memory'],
  'auth.jwt': ['keySets'],
  'auth.revocation': ['memory'],
  gateway: ['targetStates'],
  // The process opens its sockets itself: `listen.plaintextPort`.
  'https.plaintext': ['port', 'host'],
}

/** Options that only code can give, beside functions. */
const OF_CODE: Readonly<Record<string, readonly string[]>> = {
  audit: ['logger'],
  'rateLimit.store': ['redis', 'memcached'],
  'auth.revocation': ['redis'],
  auth: ['basic', 'session'],
  tls: ['refresh'],
  'tls.names.*': ['refresh'],
}

/** Whether `false` is a word for that section. */
export function mayBeOff(key: string): boolean {
  return Object.hasOwn(optionsSchema.properties ?? {}, key) && key !== 'gateway' && key !== 'reportOnly'
}

type WithProperties = Schema & { readonly properties: Readonly<Record<string, Schema>> }

const isObject = (schema: Schema): schema is WithProperties => schema['properties'] !== undefined

const room = (key: string): Schema => optionsSchema.properties?.[key] as Schema

/** A room's options as a file may say them, or code beside it. */
function written<S extends Schema>(schema: S, path: string, byCode: boolean): S {
  const { items } = schema
  if (typeof items === 'object') return { ...schema, items: written(items as Schema, `${path}[]`, byCode) }
  const { additionalProperties: each } = schema
  if (typeof each === 'object') return { ...schema, additionalProperties: written(each as Schema, `${path}.*`, byCode) }
  if (!isObject(schema)) return schema
  const without = [...(OPENED[path] ?? []), ...(byCode ? [] : (OF_CODE[path] ?? []))]
  const kept = Object.entries(schema.properties)
    .filter(([name, { accepts }]) => !without.includes(name) && (byCode || String(accepts) !== 'function'))
    .map(([name, one]) => [name, written(one, `${path}.${name}`, byCode)] as const)
  return { ...schema, properties: Object.fromEntries(kept) }
}

/** Keys beside the options, so that they can be added and withdrawn without touching the file of routes. */
const keysFile: Schema = {
  type: 'string',
  minLength: 1,
  examples: ['api-keys.yaml'],
  description: 'A file with further entries, a list as of `keys`; `gateway-server api-key` makes them.',
}

/** A document beside the file, which is read before its options are judged. */
const openapi: Schema = {
  accepts: ['object', 'string'],
  minLength: 1,
  examples: ['openapi.yaml'],
  description:
    'A file with an OpenAPI 3.1 document of the public API, YAML or JSON: what its operations say, requests of the routes must match.',
}

/** A route's words are laid over the rooms' options: what it leaves out is not to be filled in. */
function withoutDefaults(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutDefaults)
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, one]) => name !== 'default' || typeof one === 'object')
      .map(([name, one]) => [name, name === 'examples' || name === 'enum' ? one : withoutDefaults(one)]),
  )
}

/** What the rooms are asked of a route: an object, or `false`. */
function policyOf(given: Schema, byCode: boolean): Schema {
  const properties = Object.entries(routeSchemas)
    .filter(([key]) => !WITHOUT_ROOMS.includes(key))
    .map(([key, schema]) => {
      const { type: _, ...rest } = withoutDefaults(written(schema, key, byCode)) as Schema
      return [key, { accepts: ['object', 'boolean'], ...rest, examples: [false] }]
    })
  const { accepts: _, ...rest } = given
  return { ...rest, type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) }
}

/** Key and certificate, word for word. */
function withTls(key: 'listen' | 'operation', byCode: boolean): Schema {
  const own = ownSettings[key] as WithProperties
  const { accepts: _, ...told } = own.properties['tls'] as Schema
  const tls = { ...written(tlsOptionsSchema, 'tls', byCode), ...told }
  return { ...own, properties: { ...own.properties, tls } }
}

function schemaOf(byCode: boolean): ObjectSchema {
  const auth = written(room('auth'), 'auth', byCode) as WithProperties
  const apiKeys = auth.properties['apiKeys'] as WithProperties
  const gateway = written(room('gateway'), 'gateway', byCode) as WithProperties
  const routes = gateway.properties['routes'] as Schema & { readonly items: WithProperties }
  const route = routes.items.properties
  const policy = policyOf(route['policy'] as Schema, byCode)
  const items = { ...routes.items, properties: { ...route, policy } }
  return {
    type: 'object',
    additionalProperties: false,
    required: ['gateway'],
    properties: {
      ...ownSettings,
      listen: withTls('listen', byCode),
      operation: withTls('operation', byCode),
      ...Object.fromEntries(
        Object.keys(optionsSchema.properties ?? {})
          .filter((key) => !WITHOUT_ROOMS.includes(key))
          .map((key) => [key, written(room(key), key, byCode)]),
      ),
      auth: {
        ...auth,
        properties: {
          ...auth.properties,
          apiKeys: { ...apiKeys, properties: { ...apiKeys.properties, file: keysFile } },
        },
      },
      gateway: {
        ...gateway,
        properties: { ...gateway.properties, openapi, routes: { ...routes, items } },
        examples: [gatewayExample()],
      },
    },
  }
}

/** Strict JSON Schema of the file, in the kernel's words. */
export const configSchema: ObjectSchema = schemaOf(false)

/** The same of a file with what code adds to it. */
export const extendedSchema: ObjectSchema = schemaOf(true)

function gatewayExample(): object {
  return {
    upstreams: { 'user-service': { targets: ['https://user-service.local:7001'] } },
    routes: [{ match: { path: '/users/profile' }, upstream: 'user-service' }],
    internalToken: { issuer: 'gateway', key: '${file:gateway.key}' },
  }
}
