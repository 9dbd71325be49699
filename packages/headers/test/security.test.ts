import helmet from '@fastify/helmet'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import headers, { type HeadersOptions } from '../src/index.ts'
import { refused } from './refused.ts'

let theirs: FastifyInstance
let ours: FastifyInstance
beforeEach(() => {
  theirs = Fastify()
  ours = Fastify()
})
afterEach(async () => {
  await theirs.close()
  await ours.close()
})

const fieldsOf = async (app: FastifyInstance, url = '/') => (await app.inject(url)).headers

describe('attacks', () => {
  it('a stream without a content type is executed as HTML, unless nosniff is set', async () => {
    for (const app of [theirs, ours])
      app.get('/', async (_request, reply) => reply.send(new Response('<script>x</script>').body))
    await ours.register(headers)
    expect(await fieldsOf(theirs)).not.toHaveProperty('x-content-type-options')
    expect((await fieldsOf(ours))['x-content-type-options']).toBe('nosniff')
  })

  it('an answer of the API is framed to trick its user', async () => {
    for (const app of [theirs, ours]) app.get('/', async () => 'x')
    await ours.register(headers)
    expect(await fieldsOf(theirs)).not.toHaveProperty('content-security-policy')
    expect((await fieldsOf(ours))['content-security-policy']).toContain("frame-ancestors 'none'")
  })

  it('an answer stays in a shared cache and is served to the next caller', async () => {
    await theirs.register(helmet)
    await ours.register(headers)
    for (const app of [theirs, ours]) app.get('/', async () => 'x')
    expect(await fieldsOf(theirs)).not.toHaveProperty('cache-control')
    expect((await fieldsOf(ours))['cache-control']).toBe('no-store')
  })

  it('a page is asked for devices that it never uses', async () => {
    await theirs.register(helmet)
    await ours.register(headers, { profile: 'web' })
    for (const app of [theirs, ours]) app.get('/', async () => 'x')
    expect(await fieldsOf(theirs)).not.toHaveProperty('permissions-policy')
    expect((await fieldsOf(ours))['permissions-policy']).toContain('microphone=()')
  })

  it('HSTS over plain HTTP gives whoever is in the middle a field to write', async () => {
    await theirs.register(helmet)
    await ours.register(headers, { profile: 'web' })
    for (const app of [theirs, ours]) app.get('/', async () => 'x')
    expect(await fieldsOf(theirs)).toHaveProperty('strict-transport-security')
    expect(await fieldsOf(ours)).not.toHaveProperty('strict-transport-security')
  })

  it('an unquoted self is found by the first user instead of at boot, as a 500', async () => {
    await theirs.register(helmet, { contentSecurityPolicy: { directives: { defaultSrc: ['self'] } } })
    theirs.get('/', async () => 'x')
    await theirs.ready()
    expect((await theirs.inject('/')).statusCode).toBe(500)

    const mistakes = await refused(() => ours.register(headers, { contentSecurityPolicy: { 'default-src': ['self'] } }))
    expect(mistakes[0]).toMatchObject({ path: 'contentSecurityPolicy.default-src', rule: 'unquoted-keyword' })
    ours = Fastify()
  })

  it('a directive of the attacker’s is smuggled in behind a semicolon of the configuration', async () => {
    // An origin from a database or an environment variable, as configurations are written.
    const tenant = 'https://tenant.example; script-src-elem *'
    await theirs.register(async (app) => {
      app.addHook(
        'onRequest',
        async (_request, reply) => void reply.header('content-security-policy', `default-src 'self' ${tenant}`),
      )
      app.get('/', async () => 'x')
    })
    expect((await fieldsOf(theirs))['content-security-policy']).toContain('script-src-elem *')

    const options: HeadersOptions = { profile: 'web', contentSecurityPolicy: { 'default-src': ["'self'", tenant] } }
    const mistakes = await refused(() => ours.register(headers, options))
    expect(mistakes[0]).toMatchObject({ rule: 'separator-in-source' })
    ours = Fastify()
  })

  it('switching nonces on takes the page’s own scripts away, so that somebody switches the policy off', async () => {
    await theirs.register(helmet, {
      enableCSPNonces: true,
      contentSecurityPolicy: { directives: { defaultSrc: ["'self'"] } },
    })
    theirs.get('/', async () => 'x')
    const lost = String((await fieldsOf(theirs))['content-security-policy'])
    expect(lost).toMatch(/script-src 'nonce-[^']+';/)

    await ours.register(headers, {
      contentSecurityPolicy: { 'default-src': ["'self'"], 'script-src': ["'self'", "'nonce'"] },
    })
    ours.get('/', async () => 'x')
    expect((await fieldsOf(ours))['content-security-policy']).toMatch(/script-src 'self' 'nonce-[^']+'/)
  })

  it('a nonce that a cache keeps is known to the attacker', async () => {
    await theirs.register(helmet, { enableCSPNonces: true })
    theirs.get('/', async (_request, reply) => reply.header('cache-control', 'public, max-age=60').send('x'))
    expect((await fieldsOf(theirs))['cache-control']).toContain('public')

    const mistakes = await refused(() => ours.register(headers, { profile: 'web', cacheControl: 'public, max-age=60' }))
    expect(mistakes[0]).toMatchObject({ rule: 'nonce-in-shared-cache' })
    ours = Fastify()
  })

  it('a malformed URL is answered without any field', async () => {
    await theirs.register(helmet)
    theirs.get('/', async () => 'x')
    expect(await fieldsOf(theirs, '/%ff')).not.toHaveProperty('x-content-type-options')

    const { serverOptions } = await import('@portcullis/kernel')
    ours = Fastify(serverOptions())
    await ours.register(headers)
    ours.get('/', async () => 'x')
    expect((await fieldsOf(ours, '/%ff'))['x-content-type-options']).toBe('nosniff')
  })

  it('an error is kept by a shared cache and takes the page away from everybody', async () => {
    await theirs.register(helmet)
    theirs.get('/', (_request, reply) => {
      reply.header('cache-control', 'public, max-age=3600')
      throw new Error('one bad request field')
    })
    const poisoned = await theirs.inject('/')
    expect([poisoned.statusCode, poisoned.headers['cache-control']]).toEqual([500, 'public, max-age=3600'])

    await ours.register(headers, { cacheControl: 'public, max-age=3600' })
    ours.get('/', (request, reply) => {
      reply.header('cache-control', 'public, max-age=3600')
      if (request.headers['x-bad'] !== undefined) throw new Error('one bad request field')
      return reply.send('x')
    })
    expect((await fieldsOf(ours))['cache-control']).toBe('public, max-age=3600')
    const refusedOnes = await Promise.all([
      ours.inject({ url: '/', headers: { 'x-bad': '1' } }),
      ours.inject('/nowhere'),
    ])
    expect(refusedOnes.map(({ headers: fields }) => fields['cache-control'])).toEqual(['no-store', 'no-store'])
  })

  it('scripts come over plain HTTP, from whoever sits on the way', async () => {
    const directives = { scriptSrc: ['http://cdn.example.com'] }
    await theirs.register(helmet, { contentSecurityPolicy: { directives } })
    theirs.get('/', async () => 'x')
    expect((await fieldsOf(theirs))['content-security-policy']).toContain('script-src http://cdn.example.com')

    const mistakes = await refused(() =>
      ours.register(headers, { contentSecurityPolicy: { 'script-src': ['http://cdn.example.com'] } }),
    )
    expect(mistakes[0]).toMatchObject({ rule: 'unsafe-script-source' })
    ours = Fastify()
  })

  it('a page is framed where two fields contradict each other and browsers heed the open one', async () => {
    await theirs.register(helmet, {
      frameguard: { action: 'deny' },
      contentSecurityPolicy: { directives: { frameAncestors: ["'self'"] } },
    })
    theirs.get('/', async () => 'x')
    expect(await fieldsOf(theirs)).toMatchObject({
      'x-frame-options': 'DENY',
      'content-security-policy': expect.stringContaining("frame-ancestors 'self'") as string,
    })

    const mistakes = await refused(() =>
      ours.register(headers, { xFrameOptions: 'DENY', contentSecurityPolicy: { 'frame-ancestors': ["'self'"] } }),
    )
    expect(mistakes[0]).toMatchObject({ path: 'xFrameOptions', rule: 'contradicts-frame-ancestors' })
    ours = Fastify()
  })

  it('a page under development breaks because its own files are asked over https:', async () => {
    await theirs.register(helmet)
    await ours.register(headers, { profile: 'web' })
    for (const app of [theirs, ours]) app.get('/', async () => 'x')
    expect((await fieldsOf(theirs))['content-security-policy']).toContain('upgrade-insecure-requests')
    expect((await fieldsOf(ours))['content-security-policy']).not.toContain('upgrade-insecure-requests')
  })
})
