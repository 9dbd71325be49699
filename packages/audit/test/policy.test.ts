import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { accessRecord, decisionRecord, secretRoutes, type Subject } from '../src/record.ts'
import { bounded, pathOf, plain } from '../src/text.ts'
import { owaspName } from '../src/vocabulary.ts'

const harmful = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/

const subject = (over: Partial<Subject> = {}): Subject => ({
  id: 'req-1',
  method: 'GET',
  raw: { url: '/users/7?token=abc' },
  routeOptions: { url: '/users/:id' },
  headers: { 'user-agent': 'curl/8' },
  security: { arrival: { at: 100, remoteAddress: '192.0.2.1' }, identity: null },
  ...over,
})
const settings = { isSecret: secretRoutes(['token']), userAgent: true }

describe('plain', () => {
  it('leaves nothing that moves a terminal or ends a line, however long the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 1, max: 300 }), (text, limit) => {
        const safe = plain(text, limit)
        expect(safe).not.toMatch(harmful)
        expect(safe.length).toBeLessThanOrEqual(limit * 6 + 1)
      }),
    )
  })

  it.each([
    ['\r\nforged', '\\u000d\\u000aforged'],
    ['\u001b[2J', '\\u001b[2J'],
    ['\u009b2J', '\\u009b2J'],
    ['a\u202eb', 'a\\u202eb'],
    ['Grüße', 'Grüße'],
  ])('writes %j as %j', (text, safe) => {
    expect(plain(text, 100)).toBe(safe)
  })
})

describe('pathOf', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['/a?b=c', '/a'],
    ['/a#b', '/a'],
    ['/a;jsessionid=1', '/a'],
    ['/a%3Ftoken=1', '/a'],
    ['/a%3Btoken=1', '/a'],
    ['/a%20b', '/a%20b'],
    ['http://user:secret@host/a?b', '/a'],
    ['http://user:secret@host', '/'],
    ['user:secret@host:443', ''],
    ['*', '*'],
    ['', ''],
  ])('gives of %s the path %s', (target, path) => {
    expect(pathOf(target)).toBe(path)
  })

  it('never holds what follows a question mark', () => {
    fc.assert(
      fc.property(fc.webPath(), fc.string(), (path, secret) => {
        expect(pathOf(`${path === '' ? '/' : path}?${secret}`)).not.toContain('?')
      }),
    )
  })
})

describe('bounded', () => {
  it('keeps particulars, and no secret', () => {
    const detail = {
      policy: 'per-ip',
      limit: 5,
      authorization: 'Bearer x',
      'set-cookie': 'a=b',
      newPassword: 'hunter2',
      apiKey: 'k',
      note: 'sent Basic dXNlcjpwYXNz',
      jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig',
      callback: () => 'x',
      bytes: Buffer.from('x'),
      error: Object.assign(new Error('holds a secret'), { code: 'ECONNREFUSED' }),
      credentials: [{ field: 'authorization', sha256: 'ab12' }],
      credentialId: 'key-7',
      deep: { a: { b: { c: { d: 'x' } } } },
    }
    expect(bounded(detail)).toEqual({
      policy: 'per-ip',
      limit: 5,
      authorization: '[redacted]',
      'set-cookie': '[redacted]',
      newPassword: '[redacted]',
      apiKey: '[redacted]',
      note: '[redacted]',
      jwt: '[redacted]',
      error: { name: 'Error', code: 'ECONNREFUSED' },
      credentials: [{ field: 'authorization', sha256: 'ab12' }],
      credentialId: 'key-7',
      deep: { a: { b: {} } },
    })
  })

  it('is small whatever it is given', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), (detail) => {
        const kept = bounded(detail)
        expect(Object.keys(kept).length).toBeLessThanOrEqual(16)
        expect(() => JSON.stringify(kept)).not.toThrow()
      }),
    )
  })
})

describe('accessRecord', () => {
  it('says who asked what, when, and how it ended', () => {
    const identity = { subject: '101', scheme: 'jwt', credentialId: 'jti-1' }
    const asked = subject({ security: { arrival: { at: 100, remoteAddress: '192.0.2.1' }, identity } })
    expect(accessRecord(asked, { status: 200, length: '17', aborted: false }, 112.3456, settings)).toEqual({
      audit: 'access',
      reqId: 'req-1',
      method: 'GET',
      route: '/users/:id',
      path: '/users/7',
      remoteAddress: '192.0.2.1',
      subject: '101',
      scheme: 'jwt',
      credentialId: 'jti-1',
      outcome: 'completed',
      status: 200,
      durationMs: 12.346,
      bytes: 17,
      userAgent: 'curl/8',
    })
  })

  it('has no status and no length for a client that left before there was one', () => {
    const record = accessRecord(subject(), { status: null, length: '17', aborted: true }, 100, settings)
    expect(record).toMatchObject({ outcome: 'aborted', status: null })
    expect(record).not.toHaveProperty('bytes')
  })

  it.each(['/reset/:token', '/:tenant/reset/:token/confirm', '/:token(^\\w+$)', '/a/:x-:token'])(
    'records %s by its pattern',
    (route) => {
      const record = accessRecord(
        subject({ raw: { url: '/reset/s3cret' }, routeOptions: { url: route } }),
        { status: 200, length: undefined, aborted: false },
        100,
        settings,
      )
      expect(record.path).toBe(route)
    },
  )
})

describe('decisionRecord', () => {
  const event = {
    type: 'rate-limit.exceeded',
    outcome: 'denied',
    severity: 'warning',
    code: 'PTC_RATE_LIMIT_EXCEEDED',
  } as const

  it('has the name of the OWASP logging vocabulary', () => {
    expect(decisionRecord({ ...event, detail: { policy: 'per-ip' } }, () => false)).toEqual({
      audit: 'decision',
      event: 'rate-limit.exceeded',
      owasp: 'excess_rate_limit_exceeded',
      outcome: 'denied',
      severity: 'warning',
      code: 'PTC_RATE_LIMIT_EXCEEDED',
      detail: { policy: 'per-ip' },
    })
  })

  it.each([
    ['issuer.rejected', 'authn_login_fail'],
    ['issuer.reused', 'authn_token_reuse'],
    ['rate-limit.brute-force-suspected', 'authn_login_fail_max'],
  ])('names %s %s', (type, owasp) => {
    expect(decisionRecord({ ...event, type, detail: {} }, () => false)).toMatchObject({ event: type, owasp })
  })

  it('keeps only its own name where the vocabulary has none', () => {
    expect(owaspName('gateway.cut')).toBeUndefined()
    expect(decisionRecord({ ...event, type: 'gateway.cut', detail: {} }, () => false)).not.toHaveProperty('owasp')
  })
})
