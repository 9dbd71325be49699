import { generateKeyPairSync } from 'node:crypto'
import type { Finding } from '@portcullis/kernel'
import { checkNetwork, checkResolve, checkUpstream } from './check-upstreams.ts'
import { readPublicHalf } from './internal-keys.ts'
import { readKey } from './internal-token.ts'
import type { GatewayOptions, GatewayRoute } from './options.ts'
import { compileTemplate } from './path.ts'
import { methodsOf } from './policy.ts'
import { isReservedField } from './request-fields.ts'
import { checkSchemas } from './schemas/check-schemas.ts'

/** The rules between the gateway's options that a schema cannot say. */
export function check(options: Readonly<GatewayOptions>): Finding[] {
  return [
    ...Object.entries(options.upstreams).flatMap(([name, one]) => checkUpstream(name, one)),
    ...checkResolve(options),
    ...(options.privateNetworks ?? []).flatMap((network, index) => checkNetwork(`/privateNetworks/${index}`, network)),
    ...options.routes.flatMap((route, index) => checkRoute(`/routes/${index}`, route, options)),
    ...checkTwins(options.routes),
    ...checkSchemas(options),
    ...checkKey(options),
    ...checkOtherKeys(options),
    ...checkStates(options),
    ...(options.forwardFields ?? []).flatMap((name, index) => checkField(`/forwardFields/${index}`, name)),
  ]
}

function checkRoute(at: string, route: GatewayRoute, options: Readonly<GatewayOptions>): Finding[] {
  const findings: Finding[] = []
  const [first] = Object.keys(options.upstreams)
  if (!Object.hasOwn(options.upstreams, route.upstream)) {
    findings.push({
      at: `${at}/upstream`,
      rule: 'upstream-unknown',
      message: `is not in upstreams${first === undefined ? '; remove the route' : `; write upstream: '${first}'`}`,
      fix:
        first === undefined ? [{ op: 'remove', path: at }] : [{ op: 'replace', path: `${at}/upstream`, value: first }],
    })
  }
  if (route.webSocket !== undefined && !methodsOf(route).includes('GET')) {
    findings.push({
      at: `${at}/webSocket`,
      rule: 'web-socket-without-get',
      message: 'is of no use: WebSockets are opened by GET, which this route does not match; remove it',
      fix: [{ op: 'remove', path: `${at}/webSocket` }],
    })
  }
  if (route.rewrite !== undefined) {
    const { path } = route.match
    const known = new Set(compileTemplate(path).params)
    const unknown = compileTemplate(route.rewrite).params.filter((name) => !known.has(name))
    if (unknown.length > 0) {
      findings.push({
        at: `${at}/rewrite`,
        rule: 'rewrite-parameter-unknown',
        message: `names ${unknown.join(', ')}, which match.path does not have; write rewrite: '${path}'`,
        fix: [{ op: 'replace', path: `${at}/rewrite`, value: path }],
      })
    }
  }
  return findings
}

function checkTwins(routes: readonly GatewayRoute[]): Finding[] {
  const seen = new Set<string>()
  return routes.flatMap((route, index): Finding[] => {
    // `/a/:x` and `/a/:y` are one route to the router.
    const path = `${route.match.host?.toLowerCase() ?? ''}${route.match.path.replaceAll(/:[^/]+/g, ':')}`
    const methods = methodsOf(route)
    const twin = methods.find((method) => seen.has(`${method} ${path}`))
    for (const method of methods) seen.add(`${method} ${path}`)
    if (twin === undefined) return []
    const at = `/routes/${index}`
    return [
      {
        at,
        rule: 'route-duplicate',
        message: `declares ${twin} ${route.match.path} a second time; remove it`,
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
      message: `${read}; make one with openssl genpkey ${algorithm === 'EdDSA' ? '-algorithm ED25519' : '-algorithm EC -pkeyopt ec_paramgen_curve:P-256'}`,
      fix: [{ op: 'replace', path: '/internalToken/key', value }],
    },
  ]
}

function checkOtherKeys({ internalToken: { otherKeys = [] } }: Readonly<GatewayOptions>): Finding[] {
  return otherKeys.flatMap(({ key }, index): Finding[] => {
    const read = readPublicHalf(key)
    if (typeof read !== 'string') return []
    const path = `/internalToken/otherKeys/${index}`
    return [
      { at: `${path}/key`, rule: 'key-unusable', message: `${read}; remove the entry`, fix: [{ op: 'remove', path }] },
    ]
  })
}

function checkStates({ targetStates }: Readonly<GatewayOptions>): Finding[] {
  if (targetStates === undefined || typeof targetStates.take === 'function') return []
  const fix = [{ op: 'remove', path: '/targetStates' } as const]
  const message = 'must be what `openTargetStates()` gives; remove it for a place of its own'
  return [{ at: '/targetStates', rule: 'target-states', message, fix }]
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
