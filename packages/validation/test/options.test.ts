import { describe, expect, it } from 'vitest'
import validation, { type ValidationOptions } from '../src/index.ts'
import { bare } from './apps.ts'

async function boot(options: unknown): Promise<unknown> {
  const app = bare()
  try {
    await app.register(validation, options as ValidationOptions)
    await app.ready()
    return null
  } catch (error) {
    return error
  }
}

describe('the options of @portcullis/validation', () => {
  it.each([
    [{}],
    [{ json: { depth: 8 }, bodyRate: false }],
    [{ mediaTypes: ['text/csv'], contentEncodings: ['gzip'] }],
    [{ routes: [] }],
    [{ enabled: false }],
  ])('accept %j', async (options) => {
    expect(await boot(options)).toBeNull()
  })

  it.each([
    [{ jsn: {} }, 'jsn'],
    [{ json: { depth: '8' } }, 'json.depth'],
    [{ json: { depth: 0 } }, 'json.depth'],
    [{ mediaTypes: [] }, 'mediaTypes'],
    [{ mediaTypes: ['application/json; charset=utf-8'] }, 'mediaTypes[0]'],
    [{ contentEncodings: ['zip'] }, 'contentEncodings[0]'],
    [{ admitInPath: ['dot-segment'] }, 'admitInPath[0]'],
    [{ bodyRate: { bytesPerSecond: 0 } }, 'bodyRate.bytesPerSecond'],
    [{ empty: ['headers'] }, 'empty[0]'],
    [{ routes: [{ prefix: 'docs', policy: false }] }, 'routes[0].prefix'],
  ])('refuse %j at boot and name %s', async (options, path) => {
    expect(await boot(options)).toMatchObject({ code: 'PTC_OPTIONS_INVALID', mistakes: [{ path }] })
  })

  it('refuse a route that says what no route may say', async () => {
    const app = bare()
    await app.register(validation)
    app.get('/', { config: { security: { validation: { routes: [] } as object } } }, async () => 'through')
    await expect(app.ready()).rejects.toMatchObject({ mistakes: [{ route: 'GET /' }] })
  })
})
