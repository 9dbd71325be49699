import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import headers from '../src/index.ts'
import { good } from './configurations.ts'

describe('a configuration', () => {
  it.each(good)('with %s boots, and says so', async (_name, options, field, value) => {
    const app = Fastify()
    await app.register(headers, options)
    app.get('/', async () => 'x')
    const written = (await app.inject('/')).headers[field]
    await app.close()
    if (value === undefined) expect(written).toBeUndefined()
    else if (typeof value === 'string') expect(written).toContain(value)
    else expect(written).toMatch(value)
  })

  it('is tried in more than thirty-five different ways', () => {
    expect(new Set(good.map(([, options]) => JSON.stringify(options))).size).toBe(good.length)
    expect(good.length).toBeGreaterThan(45)
  })
})
