import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Finding } from '@portcullis/kernel'
import type { GatewayOptions, UpstreamOptions } from './options.ts'
import { targetsOf } from './policy.ts'
import { splitAddress } from './upstreams/connector.ts'
import { isNetwork } from './upstreams/networks.ts'

/** A segment of a JSON Pointer (RFC 6901 §3). */
const escaped = (segment: string): string => segment.replaceAll('~', '~0').replaceAll('/', '~1')

const EXAMPLE = 'https://user-service.local:7001'

/** What is wrong with an upstream. */
export function checkUpstream(name: string, upstream: UpstreamOptions): Finding[] {
  const at = `/upstreams/${escaped(name)}`
  const targets = targetsOf(name, upstream).flatMap((target, index) =>
    checkTarget(upstream.targets === undefined ? null : `${at}/targets/${index}`, at, target, upstream),
  )
  return [
    ...targets,
    ...(upstream.ca === undefined || isCertificate(upstream.ca) ? [] : [unreadable(`${at}/ca`, 'ca-unreadable')]),
    ...checkClientCertificate(at, upstream),
  ]
}

/** @param place where the target is written; null: it is the upstream's name. */
function checkTarget(place: string | null, at: string, target: string, upstream: UpstreamOptions): Finding[] {
  if (target.startsWith('unix:')) return []
  if (!URL.canParse(target)) {
    // A name that is no host needs targets.
    return [
      place === null
        ? {
            at,
            rule: 'target-missing',
            message: `has no targets, and its name is not a host; write targets: ['${EXAMPLE}']`,
            fix: [{ op: 'add', path: `${at}/targets`, value: [EXAMPLE] }],
          }
        : {
            at: place,
            rule: 'target-unreadable',
            message: `is not an origin; write '${EXAMPLE}'`,
            fix: [{ op: 'replace', path: place, value: EXAMPLE }],
          },
    ]
  }
  const url = new URL(target)
  if (place === null || url.protocol !== 'http:' || upstream.dangerouslyPlaintext === true) return []
  return [
    {
      at: place,
      rule: 'plaintext-target',
      message: `is not encrypted; write 'https://${url.host}', or dangerouslyPlaintext: true beside targets`,
      fix: [{ op: 'replace', path: place, value: `https://${url.host}` }],
    },
  ]
}

function checkClientCertificate(at: string, { clientCertificate }: UpstreamOptions): Finding[] {
  if (clientCertificate === undefined) return []
  const place = `${at}/clientCertificate`
  if (!isCertificate(clientCertificate.cert)) return [unreadable(place, 'client-certificate-unreadable')]
  try {
    if (new X509Certificate(clientCertificate.cert).checkPrivateKey(createPrivateKey(clientCertificate.key))) return []
  } catch {
    // No key at all.
  }
  return [
    {
      at: `${place}/key`,
      rule: 'client-key-unusable',
      message: 'is not the private key of that certificate; leave clientCertificate out to show none',
      fix: [{ op: 'remove', path: place }],
    },
  ]
}

const unreadable = (at: string, rule: string): Finding => ({
  at,
  rule,
  message: 'is not a certificate in PEM; leave it out',
  fix: [{ op: 'remove', path: at }],
})

function isCertificate(pem: string | Buffer): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

/** What is wrong with the addresses of targets. */
export function checkResolve(options: Readonly<GatewayOptions>): Finding[] {
  const hosts = new Set(
    Object.entries(options.upstreams)
      .flatMap(([name, upstream]) => targetsOf(name, upstream))
      .map((target) => (URL.canParse(target) ? new URL(target).hostname : '')),
  )
  return Object.entries(options.resolve ?? {}).flatMap(([host, address]): Finding[] => {
    const at = `/resolve/${escaped(host)}`
    const remove = [{ op: 'remove', path: at }] as const
    if (!hosts.has(host.toLowerCase())) {
      return [{ at, rule: 'resolve-unused', message: 'is not the host of any target; remove it', fix: remove }]
    }
    if (!isIP(splitAddress(address).address)) {
      return [{ at, rule: 'resolve-unreadable', message: 'is not an IP address; write 127.0.0.1:7001', fix: remove }]
    }
    return []
  })
}

/** What is wrong with a private network. */
export function checkNetwork(at: string, network: string): Finding[] {
  if (isNetwork(network)) return []
  return [
    {
      at,
      rule: 'network-unreadable',
      message: "is not a network; write '10.0.0.0/8'",
      fix: [{ op: 'replace', path: at, value: '10.0.0.0/8' }],
    },
  ]
}
