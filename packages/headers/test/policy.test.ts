import { CspEvaluator, STRICTCSP_CHECKS } from 'csp_evaluator/dist/evaluator.js'
import { CspParser } from 'csp_evaluator/dist/parser.js'
import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { checkPolicy, NONCE } from '../src/csp.ts'
import { directives } from '../src/directives.ts'
import { compileFields, fill, helmetFields } from '../src/fields.ts'
import headers, { type HeadersOptions } from '../src/index.ts'
import { features, writePermissions } from '../src/permissions.ts'
import { decide, PLACEHOLDER } from '../src/policy.ts'

describe('decide', () => {
  it('forbids everything to answers of an API', () => {
    const { question, own } = decide({})
    expect(question.contentSecurityPolicy).toEqual({
      useDefaults: false,
      reportOnly: false,
      directives: {
        'default-src': ["'none'"],
        'frame-ancestors': ["'none'"],
        'base-uri': ["'none'"],
        'form-action': ["'none'"],
      },
    })
    expect(own).toEqual({ 'cache-control': 'no-store' })
  })

  it('never asks for HSTS: TLS is not its concern', () => {
    for (const profile of ['api', 'web'] as const)
      expect(decide({ profile }).question['strictTransportSecurity']).toBe(false)
  })

  it('lays directives over the profile, list by list', () => {
    const { question } = decide({ profile: 'web', contentSecurityPolicy: { 'img-src': ['https://img.example.com'] } })
    expect(question.contentSecurityPolicy).toMatchObject({
      directives: {
        'img-src': ['https://img.example.com'],
        'script-src': [`'nonce-${PLACEHOLDER}'`, "'strict-dynamic'"],
      },
    })
  })

  it('keeps nonces out of answers that no request exists for', () => {
    expect(JSON.stringify(decide({ profile: 'web' }).early)).not.toContain('nonce')
  })

  it('sends a flag without a list, and not at all when it is false', () => {
    const asked = (on: boolean) =>
      decide({ contentSecurityPolicy: { 'upgrade-insecure-requests': on } }).question.contentSecurityPolicy
    expect(asked(true)).toMatchObject({ directives: { 'upgrade-insecure-requests': [] } })
    expect(JSON.stringify(asked(false))).not.toContain('upgrade')
  })

  it('adds browser features to the list of the profile', () => {
    const { own } = decide({ profile: 'web', permissionsPolicy: { geolocation: ['self', 'https://maps.example.com'] } })
    expect(own['permissions-policy']).toContain('geolocation=(self "https://maps.example.com")')
    expect(own['permissions-policy']).toContain('camera=()')
  })
})

describe('checkPolicy', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'self',
      "'self'",
      "'none'",
      NONCE,
      "'strict-dynamic'",
      "'unsafe-inline'",
      '*',
      'a;b',
      "'nonce-x'",
      'https:',
      'x.com',
    ),
  )

  it('mends whatever it finds in one go', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(directives)),
        fc.array(anything, { maxLength: 5 }),
        (directive, list) => {
          const findings = checkPolicy({ [directive]: list }, false)
          for (const { fix } of findings) {
            const [operation] = fix
            if (operation?.op !== 'replace') throw new Error('a fix replaces the list')
            expect(checkPolicy({ [directive]: operation.value }, false)).toEqual([])
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('lets no separator through, so that one source never becomes a second directive', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom(';', ',', '\n', '\r', ' ', '\t'),
        fc.string(),
        (left, separator, right) => {
          expect(checkPolicy({ 'img-src': [left + separator + right] }, false)).not.toEqual([])
        },
      ),
    )
  })

  it.each([
    'https:',
    'data:',
    'example.com',
    '*.example.com',
    'https://example.com:8443',
    'wss://api.example.com',
    'http://localhost:*',
    'https://cdn.example.com/lib/',
    "'self'",
    '*',
  ])('takes %s as a source of images', (source) => {
    expect(checkPolicy({ 'img-src': [source] }, false)).toEqual([])
  })
})

describe('fields', () => {
  it('keep what is helmet’s, and nothing of the answer that carried it', () => {
    const answer = {
      'x-frame-options': 'DENY',
      date: 'x',
      'content-length': '0',
      'strict-transport-security': 'max-age=1',
    }
    expect(helmetFields(answer)).toEqual({ 'x-frame-options': 'DENY' })
  })

  it('put the nonce into every gap', () => {
    const { templates, names } = compileFields({ a: 'x', b: `1'nonce-${PLACEHOLDER}' 2'nonce-${PLACEHOLDER}'3` })
    expect(names).toEqual(['a'])
    expect(fill(templates[0]?.parts ?? [], 'N')).toBe("1'nonce-N' 2'nonce-N'3")
  })
})

describe('writePermissions', () => {
  it('writes a structured dictionary', () => {
    const written = writePermissions({ camera: [], geolocation: ['self', 'https://maps.example.com'], usb: ['*'] })
    expect(written).toBe('camera=(), geolocation=(self "https://maps.example.com"), usb=*')
  })

  it('knows no feature twice', () => {
    expect(new Set(features).size).toBe(features.length)
  })
})

describe('csp_evaluator', () => {
  const policyOf = async (options: HeadersOptions): Promise<string> => {
    const app = Fastify()
    await app.register(headers, options)
    app.get('/', async () => 'x')
    const { headers: fields } = await app.inject('/')
    await app.close()
    return String(fields['content-security-policy'])
  }
  const judge = (policy: string) => new CspEvaluator(new CspParser(policy).csp)
  const told = (findings: readonly { directive: string; description: string }[]) =>
    findings.map(({ directive, description }) => `${directive}: ${description}`)

  it.each<HeadersOptions>([{}, { profile: 'web' }, { profile: 'web', trustedTypes: [] }])(
    'finds nothing in the policy of %j',
    async (options) => {
      expect(told(judge(await policyOf(options)).evaluate())).toEqual([])
    },
  )

  it('asks no more of a strict page than ways around for old browsers', async () => {
    const policy = await policyOf({ profile: 'web', trustedTypes: [] })
    expect(told(judge(policy).evaluate([], STRICTCSP_CHECKS)).filter((one) => !one.includes('backward'))).toEqual([])
  })

  it('finds what it is made to find', () => {
    expect(told(judge("script-src 'unsafe-inline' https:").evaluate())).not.toEqual([])
  })
})
