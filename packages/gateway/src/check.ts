import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Finding } from '@portcullis/kernel'
import { readKey } from './internal-token.ts'
import type { GatewayOptions, GatewayRoute, ServiceOptions } from './options.ts'
import { compileTemplate } from './path.ts'
import { isReservedField } from './request-fields.ts'
import { splitAddress } from './service.ts'

/** A segment of a JSON Pointer (RFC 6901 §3). */
const escaped = (segment: string): string => segment.replaceAll('~', '~0').replaceAll('/', '~1')

/** The rules between the gateway's options that a schema cannot say. */
export function check(options: Readonly<GatewayOptions>): Finding[] {
  const services = Object.entries(options.services)
  return [
    ...services.flatMap(([name, service]) => checkService(`/services/${escaped(name)}`, service)),
    ...checkResolve(options),
    ...options.routes.flatMap((route, index) => checkRoute(`/routes/${index}`, route, options)),
    ...checkTwins(options.routes),
    ...checkKey(options),
    ...(options.forwardFields ?? []).flatMap((name, index) => checkField(`/forwardFields/${index}`, name)),
  ]
}

function parseOrigin(origin: string): URL | null {
  return URL.canParse(origin) ? new URL(origin) : null
}

function checkService(at: string, service: ServiceOptions): Finding[] {
  const findings: Finding[] = []
  const url = parseOrigin(service.origin)
  if (url === null) {
    findings.push({
      at: `${at}/origin`,
      rule: 'origin-unreadable',
      message: "is not an origin; write origin: 'https://user-service.local:7001'",
      fix: [{ op: 'replace', path: `${at}/origin`, value: 'https://user-service.local:7001' }],
    })
  } else if (url.protocol === 'http:' && service.dangerouslyPlaintext !== true) {
    findings.push({
      at: `${at}/origin`,
      rule: 'plaintext-origin',
      message: `is not encrypted; write origin: 'https://${url.host}', or dangerouslyPlaintext: true`,
      fix: [{ op: 'replace', path: `${at}/origin`, value: `https://${url.host}` }],
    })
  }
  if (service.ca !== undefined && !isCertificate(service.ca)) {
    findings.push({
      at: `${at}/ca`,
      rule: 'ca-unreadable',
      message: 'is not a certificate in PEM; leave it out to use the authorities Node trusts',
      fix: [{ op: 'remove', path: `${at}/ca` }],
    })
  }
  return findings
}

function isCertificate(pem: string | Buffer): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

function checkResolve(options: Readonly<GatewayOptions>): Finding[] {
  const hosts = new Set(Object.values(options.services).map((service) => parseOrigin(service.origin)?.hostname))
  return Object.entries(options.resolve ?? {}).flatMap(([host, address]): Finding[] => {
    const at = `/resolve/${escaped(host)}`
    const remove = [{ op: 'remove', path: at }] as const
    if (!hosts.has(host.toLowerCase())) {
      return [{ at, rule: 'resolve-unused', message: 'is not the host of any service; remove it', fix: remove }]
    }
    if (!isIP(splitAddress(address).address)) {
      return [{ at, rule: 'resolve-unreadable', message: 'is not an IP address; write 127.0.0.1:7001', fix: remove }]
    }
    return []
  })
}

function checkRoute(at: string, route: GatewayRoute, options: Readonly<GatewayOptions>): Finding[] {
  const findings: Finding[] = []
  const [first] = Object.keys(options.services)
  if (!Object.hasOwn(options.services, route.service)) {
    findings.push({
      at: `${at}/service`,
      rule: 'service-unknown',
      message: `is not in services${first === undefined ? '; remove the route' : `; write service: '${first}'`}`,
      fix:
        first === undefined ? [{ op: 'remove', path: at }] : [{ op: 'replace', path: `${at}/service`, value: first }],
    })
  }
  if (route.rewrite !== undefined) {
    const known = new Set(compileTemplate(route.path).params)
    const unknown = compileTemplate(route.rewrite).params.filter((name) => !known.has(name))
    if (unknown.length > 0) {
      findings.push({
        at: `${at}/rewrite`,
        rule: 'rewrite-parameter-unknown',
        message: `names ${unknown.join(', ')}, which path does not have; write rewrite: '${route.path}'`,
        fix: [{ op: 'replace', path: `${at}/rewrite`, value: route.path }],
      })
    }
  }
  return findings
}

function checkTwins(routes: readonly GatewayRoute[]): Finding[] {
  const seen = new Set<string>()
  return routes.flatMap((route, index): Finding[] => {
    // `/a/:x` and `/a/:y` are one route to the router.
    const path = route.path.replaceAll(/:[^/]+/g, ':')
    const twin = route.methods.find((method) => seen.has(`${method} ${path}`))
    for (const method of route.methods) seen.add(`${method} ${path}`)
    if (twin === undefined) return []
    const at = `/routes/${index}`
    return [
      {
        at,
        rule: 'route-duplicate',
        message: `declares ${twin} ${route.path} a second time; remove it`,
        fix: [{ op: 'remove', path: at }],
      },
    ]
  })
}

function checkKey({ internalToken }: Readonly<GatewayOptions>): Finding[] {
  const algorithm = internalToken.algorithm ?? 'ES256'
  const read = readKey(internalToken.key, algorithm)
  if (typeof read !== 'string') return []
  const fresh =
    algorithm === 'EdDSA'
      ? generateKeyPairSync('ed25519').privateKey
      : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const value = fresh.export({ type: 'pkcs8', format: 'pem' })
  return [
    {
      at: '/internalToken/key',
      rule: 'key-unusable',
      message: `${read}; make one with generateKeyPairSync of node:crypto`,
      fix: [{ op: 'replace', path: '/internalToken/key', value }],
    },
  ]
}

function checkField(at: string, name: string): Finding[] {
  if (!isReservedField(name)) return []
  return [
    {
      at,
      rule: 'field-reserved',
      message: 'is a field that only the gateway may write; remove it',
      fix: [{ op: 'remove', path: at }],
    },
  ]
}
