import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { app } from '../example.ts'
import { describeSecurity } from '../src/index.ts'
import { serverOptionsSchema } from '../src/server-options.ts'

it('the example sheds what exceeds its limit, and takes up again', async () => {
  const search = async () => (await app.inject('/search')).statusCode
  expect((await Promise.all([search(), search(), search()])).toSorted()).toEqual([200, 200, 503])
  expect(await search()).toBe(200)
  expect((await app.inject('/health')).body).toBe('ok')
  const [described] = describeSecurity(app).filter(({ url }) => url === '/search')
  expect(described).toMatchObject({ chain: ['throttle'], policies: { throttle: { limit: 2 } } })
})

it('the README tells every option of serverOptions() with its default and bounds', () => {
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
  for (const [name, schema] of Object.entries(serverOptionsSchema.properties ?? {})) {
    const kinds = (schema['accepts'] as string[] | undefined)?.join(' or ') ?? String(schema['type'])
    const least = schema['minimum'] === undefined ? '' : ` ≥ ${JSON.stringify(schema['minimum'])}`
    const most = schema['maximum'] === undefined ? '' : ` ≤ ${JSON.stringify(schema['maximum'])}`
    const normal = 'default' in schema ? `\`${JSON.stringify(schema['default'])}\`` : '-'
    expect(readme).toContain(`| \`${name}\` | ${kinds}${least}${most} | ${normal} | `)
  }
})
