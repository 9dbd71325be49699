import { METHODS } from 'node:http'
import type { Finding } from '@portcullis/kernel'
import type { CorsOptions } from './options.ts'
import { readOrigin, repair } from './origin.ts'
import { FORBIDDEN_METHODS } from './preflight.ts'

/** What is wrong with one entry of a list, and which right entries replace it (none: it has to go). */
interface Complaint {
  readonly rule: string
  readonly wrong: string
  readonly instead: readonly string[]
}

const EXAMPLE = 'https://app.example.com'

// Fetch §2.2.2, "forbidden request-header": browsers set these themselves.
const FORBIDDEN_REQUEST_HEADERS = new Set([
  'accept-charset',
  'accept-encoding',
  'access-control-request-headers',
  'access-control-request-method',
  'access-control-request-private-network',
  'connection',
  'content-length',
  'cookie',
  'cookie2',
  'date',
  'dnt',
  'expect',
  'host',
  'keep-alive',
  'origin',
  'referer',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
])

// Fetch §2.2.2, "forbidden response-header name": no page can ever read these.
const FORBIDDEN_RESPONSE_HEADERS = new Set(['set-cookie', 'set-cookie2'])

/** The rules that a schema cannot say. Every finding brings the patch that makes it right. */
export function check(options: Readonly<CorsOptions>): Finding[] {
  const origins = typeof options.origins === 'function' ? [] : options.origins
  const everybody = origins.length === 1 && origins[0] === '*'
  const findings: Finding[] = []
  if (everybody && options.credentials === true) {
    findings.push({
      at: '/credentials',
      rule: 'wildcard-with-credentials',
      message: `needs exact origins, and origins[0] is '*'; write origins: ['${EXAMPLE}']`,
      fix: [{ op: 'replace', path: '/origins', value: [EXAMPLE] }],
    })
  }
  findings.push(
    ...judge('origins', origins, EXAMPLE, (text) => judgeOrigin(text, everybody, options.credentials === true)),
    ...judge('methods', options.methods ?? [], 'GET', judgeMethod),
    ...judge('requestHeaders', options.requestHeaders ?? [], undefined, judgeRequestHeader),
    ...judge('exposedHeaders', options.exposedHeaders ?? [], undefined, (name) =>
      judgeExposedHeader(name, options.credentials === true),
    ),
  )
  return findings
}

/**
 * Judges a list's entries and refuses repetitions.
 * @param spare what replaces the last entry of a list that may not become empty
 */
function judge(
  list: string,
  entries: readonly string[],
  spare: string | undefined,
  complain: (entry: string) => Complaint | undefined,
): Finding[] {
  const insensitive = list === 'requestHeaders' || list === 'exposedHeaders'
  const fold = (entry: string): string => (insensitive ? entry.toLowerCase() : entry)
  const complaints = entries.map(complain)
  const kept = new Set(entries.filter((_, index) => complaints[index] === undefined).map(fold))
  const seen = new Set<string>()
  const findings: Finding[] = []
  for (const [index, entry] of entries.entries()) {
    const at = `/${list}/${index}`
    const complaint = complaints[index]
    if (complaint === undefined) {
      if (seen.has(fold(entry))) {
        findings.push({
          at,
          rule: 'duplicate',
          message: 'stands here twice; remove it',
          fix: [{ op: 'remove', path: at }],
        })
      }
      seen.add(fold(entry))
      continue
    }
    let instead = [...new Set(complaint.instead)].filter((right) => !kept.has(fold(right)))
    if (instead.length === 0 && kept.size === 0 && spare !== undefined) instead = [spare]
    for (const right of instead) kept.add(fold(right))
    const [first, ...others] = instead
    if (first === undefined) {
      findings.push({
        at,
        rule: complaint.rule,
        message: `${complaint.wrong}; remove it`,
        fix: [{ op: 'remove', path: at }],
      })
      continue
    }
    findings.push({
      at,
      rule: complaint.rule,
      message: `${complaint.wrong}; write ${instead.map((right) => `'${right}'`).join(', ')}`,
      fix: [
        { op: 'replace', path: at, value: first },
        ...others.map((value) => ({ op: 'add', path: `/${list}/-`, value }) as const),
      ],
    })
  }
  return findings
}

function judgeOrigin(text: string, everybody: boolean, credentials: boolean): Complaint | undefined {
  const read = readOrigin(text)
  const secure = (origin: string): string => origin.replace(/^http:/, 'https:').replace(/:443$/, '')
  if ('rule' in read) {
    const instead = repair(read).filter((right) => right !== '*')
    return {
      ...read,
      instead: credentials ? instead.map((right) => (isInsecure(right) ? secure(right) : right)) : instead,
    }
  }
  if (read.kind === 'any' && !everybody) {
    return { rule: 'wildcard-with-origins', wrong: "is '*', which makes the other entries pointless", instead: [] }
  }
  if (!credentials || read.confidential) return undefined
  return {
    rule: 'insecure-with-credentials',
    wrong: 'is plain http, where anybody on the way can act with the credentials',
    instead: [secure(text)],
  }
}

function isInsecure(origin: string): boolean {
  const read = readOrigin(origin)
  return !('rule' in read) && !read.confidential
}

function judgeMethod(method: string): Complaint | undefined {
  const upper = method.toUpperCase()
  if (FORBIDDEN_METHODS.has(upper)) {
    return { rule: 'method-forbidden', wrong: 'is a method that browsers never send', instead: [] }
  }
  if (!METHODS.includes(upper))
    return { rule: 'method-unknown', wrong: 'is no method that Node can parse', instead: [] }
  // RFC 9110 §9.1: methods are case-sensitive, and browsers upper-case only some of them.
  if (method !== upper) return { rule: 'method-case', wrong: 'is not in upper case', instead: [upper] }
  return undefined
}

function judgeRequestHeader(name: string): Complaint | undefined {
  const lower = name.toLowerCase()
  if (name === '*') {
    return {
      rule: 'header-wildcard',
      wrong: "is '*', which covers what nobody has thought of; name the fields",
      instead: [],
    }
  }
  if (FORBIDDEN_REQUEST_HEADERS.has(lower) || lower.startsWith('sec-') || lower.startsWith('proxy-')) {
    return { rule: 'header-forbidden', wrong: 'is a field that browsers let no page set', instead: [] }
  }
  if (lower.startsWith('access-control-')) {
    return { rule: 'header-of-answers', wrong: 'is a field of answers, which this room writes', instead: [] }
  }
  return undefined
}

function judgeExposedHeader(name: string, credentials: boolean): Complaint | undefined {
  if (FORBIDDEN_RESPONSE_HEADERS.has(name.toLowerCase())) {
    return { rule: 'header-forbidden', wrong: 'is a field that browsers let no page read', instead: [] }
  }
  if (name === '*' && credentials) {
    return {
      rule: 'header-wildcard',
      wrong: "is '*', which means nothing with credentials; name the fields",
      instead: [],
    }
  }
  return undefined
}
