import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { app } from '../example.ts'
import { describeSecurity } from '../src/index.ts'
import { serverOptionsSchema } from '../src/server-options.ts'

it('the example refuses who names himself a scanner, as each route has it', async () => {
  const ask = async (url: string, agent: string): Promise<number> =>
    (await app.inject({ url, headers: { 'user-agent': agent } })).statusCode
  expect(await ask('/search', 'sqlmap/1.7')).toBe(403)
  expect(await ask('/search', 'Curl/8')).toBe(403)
  expect(await ask('/search', 'Nikto')).toBe(200)
  expect(await ask('/unknown', 'Nikto')).toBe(403)
  expect((await app.inject('/health')).body).toBe('ok')
  const [described] = describeSecurity(app).filter(({ url }) => url === '/search')
  expect(described).toMatchObject({ chain: ['waf'], policies: { waf: { agents: ['curl', 'sqlmap'] } } })
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
