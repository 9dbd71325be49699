import type { Finding, Mistake, Operation } from '@portcullis/kernel'
import { serverOptions } from '@portcullis/security'
import type { Config } from './config.ts'

type Place = 'listen' | 'operation'

/** What is wrong with the sockets that a file asks for: their ports, and the certificates that they would show. */
export function checkListening(config: Readonly<Config>): Finding[] {
  const ofAcme = checkAcme(config)
  return [
    ...checkPorts(config),
    ...checkPlaintext(config),
    ...ofAcme,
    ...(ofAcme.length > 0 ? [] : checkTls('listen', config.listen.tls)),
    ...checkTls('operation', config.operation.tls),
  ]
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/** Ports that exclude each other; 0 is any that is free. */
function checkPorts({ listen, operation }: Readonly<Config>): Finding[] {
  const { host, port, plaintextPort } = listen
  const together = host === operation.host || [host, operation.host].some((one) => EVERY_ADDRESS.has(one))
  const findings: Finding[] = []
  const taken = (at: string, mine: number | undefined, others: readonly (number | undefined)[]): void => {
    if (mine === undefined || mine === 0 || !others.includes(mine)) return
    const value = mine === 65_535 ? 1024 : mine + 1
    const message = `is the port of another socket here; write ${at.split('/').at(-1)}: ${value}`
    findings.push({ at, rule: 'ports', message, fix: [{ op: 'replace', path: at, value }] })
  }
  taken('/listen/plaintextPort', plaintextPort, [port])
  if (together) taken('/operation/port', operation.port, [port, plaintextPort])
  return findings
}

/** Without the room every route would answer in the clear, and take credentials so. */
function checkPlaintext({ listen: { plaintextPort }, https }: Readonly<Config>): Finding[] {
  if (plaintextPort === undefined || (https !== undefined && https !== false)) return []
  const value = { hosts: ['api.example.com'] }
  const message =
    "is for `https` to say what becomes of plaintext; write https: { hosts: ['api.example.com'] }, or remove it"
  return [
    {
      at: '/listen/plaintextPort',
      rule: 'plaintext-without-https',
      message,
      fix: [{ op: 'add', path: '/https', value }],
    },
  ]
}

interface Refused {
  readonly code?: string
  readonly message: string
  readonly mistakes?: readonly Mistake[]
}

type Mend = Pick<Finding, 'message' | 'fix'>

const ABOUT: Readonly<Record<string, readonly string[]>> = {
  PTC_HTTPS_KEY_UNUSABLE: ['key', 'keyFile'],
  PTC_HTTPS_CERTIFICATE_UNUSABLE: ['cert', 'certFile'],
  PTC_HTTPS_CLIENT_AUTHORITY_UNUSABLE: ['clientCertificates'],
}

function checkTls(place: Place, tls: object | undefined): Finding[] {
  const at = `/${place}/tls`
  if (tls === undefined) return []
  if (place === 'operation' && 'acme' in tls) return [notForOperators(at)]
  try {
    serverOptions({ https: tls })
    return []
  } catch (error) {
    const { code = '', message, mistakes } = error as Refused
    if (mistakes !== undefined) {
      return mistakes.map(({ rule, message: told, fix }) => ({
        at: `${at}${fix[0]?.path ?? ''}`,
        rule,
        message: told,
        fix: fix.map((one) => under(at, one)),
      }))
    }
    const about = ABOUT[code]?.find((name) => Object.hasOwn(tls, name))
    const what = `does not do: ${message.replace(/^PTC_\w+: /, '')}`
    const place = about === undefined ? at : `${at}/${about}`
    return [{ at: place, rule: 'certificate', ...mended(tls as Record<string, unknown>, about, what, at) }]
  }
}

/** What can be done about a certificate or key that does not do. */
function mended(tls: Record<string, unknown>, about: string | undefined, what: string, at: string): Mend {
  const text = about === undefined ? undefined : tls[about]
  if ((about === 'key' || about === 'cert') && typeof text === 'string' && !text.includes('-----BEGIN')) {
    return { message: `${what}; the path of a file is ${about}File`, fix: [] }
  }
  const lenient = 'dangerouslyAllowUntrustedCertificates'
  try {
    serverOptions({ https: { ...tls, [lenient]: true } })
  } catch {
    return { message: what, fix: [] }
  }
  const fix: Operation[] = [{ op: 'add', path: `${at}/${lenient}`, value: true }]
  return { message: `${what}; replace it, or write ${lenient}: true beside it`, fix }
}

function under(at: string, one: Operation): Operation {
  return one.op === 'move'
    ? { ...one, from: `${at}${one.from}`, path: `${at}${one.path}` }
    : { ...one, path: `${at}${one.path}` }
}

/** A private address has no name that an authority could ask. */
function notForOperators(at: string): Finding {
  const message = 'is for names that the authority can ask; write keyFile and certFile'
  const value = { keyFile: 'operation.key', certFile: 'operation.pem' }
  return { at: `${at}/acme`, rule: 'acme-for-operators', message, fix: [{ op: 'replace', path: at, value }] }
}

/** What an authority needs to prove the names: a port to ask on. */
function checkAcme(config: Readonly<Config>): Finding[] {
  const { plaintextPort, tls } = config.listen
  const { acme, names = {} } = (tls ?? {}) as { acme?: { hosts?: string[] }; names?: Record<string, object> }
  const findings = Object.entries(names).flatMap(([name, source]): Finding[] => {
    if (!('acme' in source)) return []
    const at = `/listen/tls/names/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const message = 'is for all names at once here; write them in listen.tls.acme.hosts, and remove it'
    return [{ at, rule: 'acme-by-name', message, fix: [{ op: 'remove', path: at }] }]
  })
  if (acme === undefined) return findings
  if (plaintextPort === undefined) {
    const at = '/listen/plaintextPort'
    const message = 'is where the authority asks, as port 80 of each name; write plaintextPort: 80'
    findings.push({ at, rule: 'acme-port', message, fix: [{ op: 'add', path: at, value: 80 }] })
  }
  return findings
}
