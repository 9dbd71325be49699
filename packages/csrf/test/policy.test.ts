import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { carelessnessOf, cookieOf } from '../src/cookie.ts'
import { isFormAble } from '../src/media-type.ts'
import type { CsrfOptions } from '../src/options.ts'
import { compilePolicy, type Judgement } from '../src/policy.ts'

const OURS = 'https://app.example.com'
const EVIL = 'https://evil.example'
const defaults: CsrfOptions = { origins: [OURS], token: 'fallback', ambient: ['cookie', 'basic', 'client-certificate'] }

function judge(headers: Record<string, string>, options: Partial<CsrfOptions> = {}, method = 'POST', query = {}) {
  return compilePolicy({ ...defaults, ...options })({ method, headers, query, raw: { headers }, security: {} })
}

const cookie = 'session=1'
const NOW = Date.parse('2026-01-01')

describe('a state change', () => {
  it.each<[string, Record<string, string>, Judgement]>([
    ['of a listed origin', { cookie, origin: OURS }, 'pass'],
    ['of a listed origin on another site', { cookie, origin: OURS, 'sec-fetch-site': 'cross-site' }, 'pass'],
    ['of our own page', { cookie, origin: OURS, 'sec-fetch-site': 'same-origin' }, 'pass'],
    ['of our own page that hides it', { cookie, origin: 'null', 'sec-fetch-site': 'same-origin' }, 'pass'],
    ['of the user alone', { cookie, 'sec-fetch-site': 'none' }, 'pass'],
    ['of a foreign site', { cookie, origin: EVIL, 'sec-fetch-site': 'cross-site' }, 'origin'],
    ['of a foreign site that hides it', { cookie, origin: 'null', 'sec-fetch-site': 'cross-site' }, 'site'],
    ['of a sibling', { cookie, origin: 'https://evil.example.com', 'sec-fetch-site': 'same-site' }, 'origin'],
    ['of a sibling that hides it', { cookie, 'sec-fetch-site': 'same-site' }, 'site'],
    ['of an opaque origin', { cookie, origin: 'null' }, 'origin'],
    ['of our host over plain http', { cookie, origin: 'http://app.example.com' }, 'origin'],
    ['of our host on another port', { cookie, origin: `${OURS}:8443` }, 'origin'],
    ['of a rebound name', { cookie, origin: EVIL, host: 'evil.example', 'sec-fetch-site': 'same-origin' }, 'origin'],
    ['of an unknown site', { cookie, 'sec-fetch-site': 'Same-Origin' }, 'site'],
    ['of two sites', { cookie, 'sec-fetch-site': 'same-origin, cross-site' }, 'site'],
    ['of two origins', { cookie, origin: `${OURS}, ${EVIL}`, 'sec-fetch-site': 'same-origin' }, 'origin'],
    ['of an empty origin', { cookie, origin: '' }, 'origin'],
    ['of whoever says nothing', { cookie }, 'token'],
    ['with Basic', { authorization: 'Basic YTpi' }, 'token'],
    ['with basic', { authorization: 'basic YTpi' }, 'token'],
    ['with Negotiate', { authorization: 'Negotiate YTpi' }, 'token'],
    ['with Digest of a foreign site', { authorization: 'Digest a=b', 'sec-fetch-site': 'cross-site' }, 'site'],
    ['with a bearer token', { authorization: 'Bearer x' }, 'pass'],
    ['with a bearer token of any site', { authorization: 'Bearer x', origin: EVIL }, 'pass'],
    ['with a bearer token and a cookie', { authorization: 'Bearer x', cookie, origin: EVIL }, 'origin'],
    ['with a bearer token and a cookie, unsaid', { authorization: 'Bearer x', cookie }, 'token'],
    ['with nothing', {}, 'pass'],
    ['with nothing, of a foreign site', { origin: EVIL, 'sec-fetch-site': 'cross-site' }, 'origin'],
  ])('%s', (_name, headers, judgement) => {
    expect(judge(headers)).toBe(judgement)
  })

  it.each(['PUT', 'PATCH', 'DELETE', 'QUERY', 'CONNECT', 'PROPFIND', 'get'])('is one by %s too', (method) => {
    expect(judge({ cookie, origin: EVIL }, {}, method)).toBe('origin')
  })

  it('always needs a token where the policy says so, but for a bearer token alone', () => {
    const always = { token: 'always' } as const
    expect(judge({ cookie, origin: OURS, 'sec-fetch-site': 'same-origin' }, always)).toBe('token')
    expect(judge({}, always)).toBe('token')
    expect(judge({ authorization: 'Bearer x' }, always)).toBe('pass')
    expect(judge({ cookie, origin: EVIL }, always)).toBe('origin')
  })

  it('with a certificate needs a token unless certificates are left out, which admits no foreign page', () => {
    const asked = (headers: Record<string, string>, ambient: CsrfOptions['ambient'], how: object) =>
      compilePolicy({ ...defaults, ambient: ambient as never })({
        method: 'POST',
        headers,
        query: {},
        raw: {},
        security: {},
        ...how,
      })
    const all = defaults.ambient
    const shown = [{ security: { clientCertificate: {} } }, { raw: { socket: { authorized: true } } }]
    for (const how of shown) {
      expect(asked({}, all, how)).toBe('token')
      expect(asked({ authorization: 'Bearer x' }, all, how)).toBe('token')
      expect(asked({}, ['cookie'], how)).toBe('pass')
      expect(asked({ 'sec-fetch-site': 'cross-site' }, ['cookie'], how)).toBe('site')
    }
    expect(asked({}, all, { security: { clientCertificate: null } })).toBe('pass')
    // Optional, and not verified by Node: shown or not, the socket says that it knows no issuer.
    const unverified = (certificate: object | undefined) => ({
      raw: { socket: { authorized: false, authorizationError: 'X', getPeerX509Certificate: () => certificate } },
    })
    expect(asked({}, all, unverified({}))).toBe('token')
    expect(asked({}, all, unverified(undefined))).toBe('pass')
    expect(asked({}, all, { raw: { socket: { authorized: false, authorizationError: null } } })).toBe('pass')
  })
})

describe('a request that only reads', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE'])('passes by %s, whoever asks', (method) => {
    expect(judge({ cookie, origin: EVIL, 'sec-fetch-site': 'cross-site' }, { token: 'always' }, method)).toBe('pass')
  })

  it.each([
    [{ 'x-http-method-override': 'DELETE' }, {}],
    [{ 'x-http-method': 'DELETE' }, {}],
    [{ 'x-method-override': '' }, {}],
    [{}, { _method: 'DELETE' }],
    [{}, Object.assign(Object.create(null), { _method: 'GET' })],
    [{ upgrade: 'websocket' }, {}],
    [{ upgrade: 'WebSocket' }, {}],
    [{ upgrade: 'h2c, websocket' }, {}],
  ])('counts as a state change with %j and %j', (more, query) => {
    const given = Object.fromEntries(Object.entries(more))
    expect(judge({ cookie, origin: EVIL, ...given }, {}, 'GET', query)).toBe('origin')
  })

  it('stays one with an upgrade to HTTP/2', () => {
    expect(judge({ cookie, upgrade: 'h2c' }, {}, 'GET')).toBe('pass')
  })
})

describe('JSON alone', () => {
  it.each<[string | undefined, boolean]>([
    ['application/json', false],
    ['application/json; charset=utf-8', false],
    ['application/merge-patch+json', false],
    ['text/plain', true],
    ['text/ping', true],
    ['application/csp-report', true],
    ['application/json, text/plain', false],
    ['application/json;text/plain', false],
    ['text/json', false],
    [';application/json', true],
    [',application/json', true],
    ['TEXT/Plain;charset=utf-8', true],
    ['text/plain;application/json', true],
    ['text/plain, application/json', true],
    [' multipart/form-data ; boundary=x', true],
    ['application/x-www-form-urlencoded', true],
    ['', true],
    ['json', true],
    [undefined, true],
  ])('takes %j for a form’s: %s', (type, formAble) => {
    expect(isFormAble(type)).toBe(formAble)
  })

  it.each<[Record<string, string>, object, Judgement]>([
    [{ 'content-length': '2' }, {}, 'media-type'],
    [{ 'transfer-encoding': 'chunked' }, {}, 'media-type'],
    [{}, { stream: { endAfterHeaders: false } }, 'media-type'],
    [{}, { stream: { endAfterHeaders: true } }, 'pass'],
    [{ 'content-length': '0' }, {}, 'pass'],
    [{}, {}, 'pass'],
    [{ 'content-length': '2', 'content-type': 'application/json' }, {}, 'pass'],
    [{ 'content-length': '2', 'content-type': 'text/plain', authorization: 'Bearer x' }, {}, 'media-type'],
  ])('judges %j and %j', (headers, raw, judgement) => {
    const policy = compilePolicy({ ...defaults, jsonOnly: true })
    expect(policy({ method: 'POST', headers, query: {}, raw: { headers, ...raw }, security: {} })).toBe(judgement)
  })
})

describe('a cookie', () => {
  it.each([
    ['a=1; b=2', 'b', '2'],
    ['b=', 'b', ''],
    ['a=b=c', 'a', 'b=c'],
    ['ab=1; a=2', 'a', '2'],
    ['a=1; a=2', 'a', undefined],
    ['a=1;a=1', 'a', undefined],
    ['b=a=1; a =2; aa=3', 'a', null],
    ['\t a=1 ; b', 'a', '1 '],
    ['a', 'a', null],
    ['\u00a0a=1', 'a', null],
    ['A=1', 'a', null],
  ])('in %j under the name %s has the value %j', (field, name, value) => {
    expect(cookieOf(field, name)).toBe(value)
  })

  it.each<[string, string]>([
    ['blanks in a value', `__Host-x=${' '.repeat(100_000)}x`],
    ['blanks before a name', `__Host-x=1;${' '.repeat(100_000)}__Host-x=1`],
    ['pairs of nothing', `${';'.repeat(100_000)}__Host-x`],
    ['names that do not end', '__Host-x'.repeat(12_000)],
    ['pairs of blanks', `${' ;'.repeat(50_000)}__Host-x`],
  ])('is looked for in time that grows with the field alone: %s', (_name, field) => {
    // Were it quadratic, each of these would outlast the time that a test has.
    for (let times = 0; times < 20; times++) expect(cookieOf(field, '__Host-x')).not.toBe('1')
  })

  it('is found whatever others stand around it', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
    fc.assert(
      fc.property(fc.dictionary(word, word), word, (others, value) => {
        const pairs = Object.entries(others).map(([name, own]) => `${name}=${own}`)
        expect(cookieOf([...pairs, `__Host-x=${value}`].join('; '), '__Host-x')).toBe(value)
      }),
    )
  })

  it.each<[string, readonly string[] | null]>([
    ['sid=1', ['Secure', 'HttpOnly', 'SameSite', '__Host-']],
    ['connect.sid=1; Path=/; HttpOnly', ['Secure', 'SameSite', '__Host-']],
    ['PHPSESSID=1; secure; httponly; samesite=none', ['SameSite', '__Host-']],
    ['access_token=1; Secure; HttpOnly; SameSite=Lax', ['__Host-']],
    ['__Host-session=1; Path=/; Secure; HttpOnly; SameSite=Strict', null],
    ['__Host-session=1; Path=/; Secure; HttpOnly; SameSite=', ['SameSite']],
    ['theme=dark', null],
    ['author=1', null],
    ['xsrf-token=1', null],
    ['sid=; Max-Age=0', null],
    ['sid=deleted; Max-Age=0', null],
    ['sid=deleted; Max-Age=-1', null],
    ['sid=deleted; Expires=Thu, 01 Jan 1970 00:00:00 GMT', null],
    ['sid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT', null],
    ['__Host-sid=1; Path=/; Secure; HttpOnly; Expires=Fri, 01 Jan 2100 00:00:00 GMT', ['SameSite']],
    ['__Host-sid=1; Secure; HttpOnly; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT', ['SameSite']],
    ['__Host-sid=1; Secure; HttpOnly; Expires=never', ['SameSite']],
    ['__Host-sid=1; PATH=/; SECURE; HTTPONLY; SAMESITE=LAX', null],
    ['refresh=1; Secure; HttpOnly; SameSite=Lax', ['__Host-']],
    ['.AspNetCore.Identity.Application=1; Secure; HttpOnly; SameSite=Lax', ['__Host-']],
    ['sso=1; Secure; HttpOnly; SameSite=Lax', ['__Host-']],
    ['lesson=1', null],
    ['associate=1', null],
    ['sid', null],
  ])('set by %j lacks %j', (field, missing) => {
    expect(carelessnessOf(field, NOW)?.missing ?? null).toEqual(missing)
  })
})
