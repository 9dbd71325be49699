import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import __camel__, { type __Concern__Options } from '../src/index.ts'

async function boot(options: unknown): Promise<unknown> {
  const app = Fastify()
  try {
    await app.register(__camel__, options as __Concern__Options)
    await app.ready()
    return null
  } catch (error) {
    return error
  } finally {
    await app.close()
  }
}

describe('the options of @portcullis/__concern__', () => {
  it.each([[{}], [{ fields: [] }], [{ fields: ['x-own'] }], [{ enabled: false }]])('accept %j', async (options) => {
    expect(await boot(options)).toBeNull()
  })

  it.each([
    [{ feilds: [] }, 'feilds'],
    [{ fields: 'x-own' }, 'fields'],
    [{ fields: ['X-Own'] }, 'fields[0]'],
    [{ fields: ['x own'] }, 'fields[0]'],
  ])('refuse %j at boot and name %s', async (options, path) => {
    expect(await boot(options)).toMatchObject({ code: 'PTC_OPTIONS_INVALID', mistakes: [{ path }] })
  })

  it('refuse a route that says what no route may say', async () => {
    const app = Fastify()
    await app.register(__camel__)
    app.get('/', { config: { security: { __camel__: { feilds: [] } as object } } }, async () => 'through')
    await expect(app.ready()).rejects.toMatchObject({ mistakes: [{ route: 'GET /' }] })
  })
})
