import type { Finding } from '@portcullis/kernel'
import { directives, scriptDirectives } from './directives.ts'

/** Stands for this answer's nonce in a source list. */
export const NONCE = "'nonce'"

const keywords = new Set([
  'none',
  'self',
  'strict-dynamic',
  'report-sample',
  'unsafe-inline',
  'unsafe-eval',
  'unsafe-hashes',
  'wasm-unsafe-eval',
  'inline-speculation-rules',
  'nonce',
])
/** Keywords that mean something to every source list; the others speak about code. */
const anywhere = new Set(["'none'", "'self'"])
const unsafe = new Set(["'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'"])
const EVERY_HOST = /^(?:[a-z][a-z0-9+.-]*:\/\/)?\*(?:[:/]|$)/i
/** Whoever sits on the way writes the script. Not so on the machine itself. */
const PLAIN_HTTP = /^http:\/\/(?!(?:localhost|127\.0\.0\.1)(?:[:/]|$))/i

/**
 * Sources that let an injected script run. Beside a nonce newer browsers ignore some of them (CSP3 §6.7.3.2);
 * who writes them for the others says so aloud.
 */
const isUnsafe = (entry: string): boolean =>
  unsafe.has(entry) || SCHEME.test(entry) || EVERY_HOST.test(entry) || PLAIN_HTTP.test(entry)

const HASH = /^'sha(?:256|384|512)-[A-Za-z0-9+/_-]+={0,2}'$/
const SCHEME = /^[a-z][a-z0-9+.-]*:$/i
const HOST =
  /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::(?:\d{1,5}|\*))?(?:\/(?!\/)[!-~]*)?$/i
const BARE_CODE = /^(?:nonce|sha(?:256|384|512))-/
const CONSTANT_NONCE = /^'?nonce-.*$/
const SEPARATOR = /[\s;,]/
/** The key of a structured dictionary (RFC 9651 §3.1.2): the only names that Reporting-Endpoints can give. */
const ENDPOINT = /^[a-z*][a-z0-9_.*-]*$/

type Fault = { readonly rule: string; readonly says: string; readonly instead: string | null }

/** What is wrong with one entry of one list, and what to write instead (null: nothing). */
function faultOf(directive: string, entry: string): Fault | null {
  const { kind, among } = directives[directive] ?? { kind: 'sources' }
  if (SEPARATOR.test(entry)) {
    // `;` ends a directive and `,` a policy (CSP3 §2.2.1): text behind one would be a directive of its own.
    const first = entry.split(SEPARATOR).find((part) => part !== '')
    const instead = first === undefined || faultOf(directive, first) !== null ? null : first
    return { rule: 'separator-in-source', says: 'holds a separator; write one source per entry', instead }
  }
  if (kind === 'tokens') {
    if (among?.includes(entry)) return null
    const quoted = `'${entry}'`
    const instead = among?.includes(quoted) ? quoted : null
    return { rule: 'unknown-token', says: `is not one of ${among?.join(', ')}`, instead }
  }
  if (kind === 'urls') {
    if (entry.startsWith('/') || URL.canParse(entry)) return null
    return { rule: 'not-a-url', says: 'is neither a path nor a URL', instead: null }
  }
  if (kind === 'endpoint') {
    // The engine takes some names for keywords that lost their quotes.
    if (ENDPOINT.test(entry) && !keywords.has(entry) && !BARE_CODE.test(entry)) return null
    return { rule: 'not-an-endpoint', says: 'is not the name of an endpoint', instead: null }
  }
  if (kind === 'names') {
    // The engine takes such a name for a keyword that lost its quotes.
    if (keywords.has(entry) || BARE_CODE.test(entry)) {
      return { rule: 'not-a-policy-name', says: 'reads like a keyword of CSP; choose another name', instead: null }
    }
    if (/^(?:[\w\-#=/@.%]+|\*|'none'|'allow-duplicates')$/.test(entry)) return null
    return { rule: 'not-a-policy-name', says: 'is not the name of a Trusted Types policy', instead: null }
  }
  if (CONSTANT_NONCE.test(entry)) {
    const instead = faultOf(directive, NONCE) === null ? NONCE : null
    return {
      rule: 'constant-nonce',
      says: `is the same for everybody; write ${NONCE} and each answer gets its own`,
      instead,
    }
  }
  if (keywords.has(entry) || BARE_CODE.test(entry)) {
    const instead = faultOf(directive, `'${entry}'`) === null ? `'${entry}'` : null
    return {
      rule: 'unquoted-keyword',
      says: `would be taken for a host name; write '${entry}' with its quotes`,
      instead,
    }
  }
  if (entry.startsWith("'")) {
    const known = HASH.test(entry) || (entry.endsWith("'") && keywords.has(entry.slice(1, -1)))
    if (!known) return { rule: 'unknown-keyword', says: 'is no keyword, nonce or hash of CSP', instead: null }
    // Attributes have no nonce of their own (CSP3 §6.7.3.3).
    const onAttribute = entry === NONCE && directive.endsWith('-attr')
    if (onAttribute || (kind !== 'code' && !anywhere.has(entry))) {
      return { rule: 'keyword-without-effect', says: `means nothing in ${directive}; leave it out`, instead: null }
    }
    return null
  }
  if (SCHEME.test(entry) || HOST.test(entry)) return null
  return { rule: 'not-a-source', says: 'is no scheme, host or keyword of CSP', instead: null }
}

/** A nonce or a hash: what 'strict-dynamic' builds on. */
const isRoot = (entry: string): boolean => entry === NONCE || HASH.test(entry)

/**
 * Looks for what a browser would silently misread in the lists a user wrote. All mistakes of one list carry the
 * same fix, the repaired list, so that they can be applied in any order.
 * @param written lists by directive; booleans belong to flags and are left alone.
 * @param allowUnsafeScripts whether sources that let injected scripts run are wanted.
 * @param policy where the lists stand in the options.
 */
export function checkPolicy(
  written: Readonly<Record<string, unknown>>,
  allowUnsafeScripts: boolean,
  policy = 'contentSecurityPolicy',
): Finding[] {
  const findings: Finding[] = []
  for (const [directive, list] of Object.entries(written)) {
    if (!Array.isArray(list)) continue
    const at = `/${policy}/${directive}`
    const faults: { rule: string; message: string }[] = []
    let repaired: string[] = []
    for (const entry of list as string[]) {
      const fault = faultOf(directive, entry)
      if (fault === null && repaired.includes(entry))
        faults.push({ rule: 'duplicate-source', message: `${entry} stands there twice; remove one` })
      else if (fault === null) repaired.push(entry)
      else {
        faults.push({ rule: fault.rule, message: `${JSON.stringify(entry)} ${fault.says}` })
        if (fault.instead !== null && !repaired.includes(fault.instead)) repaired.push(fault.instead)
      }
    }
    if (repaired.includes("'none'") && repaired.length > 1) {
      faults.push({ rule: 'none-with-others', message: "'none' stands alone; remove it or the other sources" })
      repaired = repaired.filter((entry) => entry !== "'none'")
    }
    if (scriptDirectives.has(directive) && !allowUnsafeScripts) {
      const loose = repaired.filter(isUnsafe)
      if (loose.length > 0) {
        const message = `${loose.join(' ')} lets injected scripts run; remove it, or set dangerouslyAllowUnsafeScripts: true`
        faults.push({ rule: 'unsafe-script-source', message })
        repaired = repaired.filter((entry) => !isUnsafe(entry))
      }
    }
    if (repaired.includes("'strict-dynamic'")) {
      if (!scriptDirectives.has(directive) || directive.endsWith('-attr')) {
        faults.push({
          rule: 'keyword-without-effect',
          message: `'strict-dynamic' means nothing in ${directive}; leave it out`,
        })
        repaired = repaired.filter((entry) => entry !== "'strict-dynamic'")
      } else if (!repaired.some(isRoot)) {
        faults.push({
          rule: 'strict-dynamic-without-nonce',
          message: `'strict-dynamic' admits nothing by itself; add ${NONCE} or a hash`,
        })
        repaired =
          directive === 'default-src' ? repaired.filter((entry) => entry !== "'strict-dynamic'") : [NONCE, ...repaired]
      }
    }
    if (repaired.length === 0 && directive !== 'sandbox') {
      if (list.length === 0) faults.push({ rule: 'empty-list', message: "is empty; write 'none' to admit nothing" })
      repaired = [substitute(directive)]
    }
    for (const fault of faults) findings.push({ at, ...fault, fix: [{ op: 'replace', path: at, value: repaired }] })
  }
  return findings
}

/** What a list holds when nothing of it could be kept. */
function substitute(directive: string): string {
  const { kind, among } = directives[directive] ?? { kind: 'sources' }
  if (kind === 'urls') return '/csp-reports'
  if (kind === 'endpoint') return 'csp'
  return kind === 'tokens' ? (among?.[0] ?? "'none'") : "'none'"
}

/**
 * Looks for names that cannot be those of Trusted Types policies. All mistakes carry the same fix, the repaired list.
 * @param at where the names stand in the options.
 */
export function checkNames(names: readonly string[], at: string): Finding[] {
  const faults = names.flatMap((name, index) => {
    const fault = /^'|\*/.test(name)
      ? { rule: 'not-a-policy-name', says: 'is not the name of a Trusted Types policy' }
      : faultOf('trusted-types', name)
    if (fault !== null) return [{ name, rule: fault.rule, message: `${JSON.stringify(name)} ${fault.says}` }]
    if (names.indexOf(name) === index) return []
    return [{ name, rule: 'duplicate-source', message: `${name} stands there twice; remove one` }]
  })
  const value = [...new Set(names)].filter(
    (name) => !faults.some((fault) => fault.name === name && fault.rule !== 'duplicate-source'),
  )
  return faults.map(({ rule, message }) => ({ at, rule, message, fix: [{ op: 'replace', path: at, value }] }))
}
