import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { makeApiKey } from '../src/api-key.ts'
import { configSchema } from '../src/config-schema.ts'
import { start, startService, writeConfig } from './stage.ts'

const root = join(import.meta.dirname, '..')
const example = readFileSync(join(root, 'example/gateway.yaml'), 'utf8')
const schema = JSON.parse(readFileSync(join(root, 'gateway.schema.json'), 'utf8')) as object

const validate = new Ajv2020({ strict: true, allErrors: true, strictTypes: false, strictRequired: false }).compile(
  schema,
)

/** What the published schema says of a file: where, and which rule. */
function mistakesIn(text: string): string[] {
  validate(parse(text))
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`)
}

describe('the example', () => {
  it('starts, and leads to its service', async () => {
    const service = await startService((_request, response) => response.end('{"id":101}'))
    const { file, folder } = writeConfig(
      example
        .replace('port: 8080', 'port: 0')
        .replace('port: 9090', 'port: 0')
        .replace(':7001', `:${service.port}`)
        .concat('drain: { delay: 0 }\nlogLevel: silent\n'),
    )
    const { key, entry } = makeApiKey({ owner: 'masum', scopes: ['profile:read'] }, Date.now())
    writeFileSync(join(folder, 'api-keys.yaml'), entry)
    const gateway = await start(file)
    const ask = (headers: Record<string, string>): Promise<Response> =>
      fetch(`http://127.0.0.1:${gateway.ports.public}/users/profile`, { headers })
    expect(await (await ask({ 'x-api-key': key })).json()).toEqual({ id: 101 })
    expect((await ask({})).status).toBe(401)
    expect(service.asked).toEqual(['GET /api/profile'])
  })

  it('names the schema, where whoever copies it has installed it', () => {
    const [, path = ''] = /\$schema=(\S+)/.exec(example) ?? []
    const { name, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      name: string
      files: string[]
    }
    expect(files).toContain('gateway.schema.json')
    expect(path).toBe(`./node_modules/${name}/gateway.schema.json`)
  })
})

describe('the published schema', () => {
  it.each(['example/gateway.yaml', '../demo/gateway.yaml'])('holds for %s', (file) => {
    expect(mistakesIn(readFileSync(join(root, file), 'utf8'))).toEqual([])
  })

  it.each([
    ['origins', 'orgins', '/cors'],
    ['  port: 8080', '  prt: 8080', '/listen'],
    ['upstream: user-service', 'upstreem: user-service', '/gateway/routes/0'],
    ['policy: { auth', 'policy: { authn', '/gateway/routes/0/policy'],
    ['scopes: [', 'scope: [', '/gateway/routes/0/policy/auth'],
    ['window: 60', 'windows: 60', '/rateLimit/policies/0'],
  ])('finds %s written %s', (right, wrong, where) => {
    expect(mistakesIn(example.replace(right, wrong))).toContainEqual(`${where} additionalProperties`)
  })

  it('takes a reference for a number, a switch, and a text of a certain form', () => {
    const text = example
      .replace('8080', '${PORT}')
      .concat('redis: ${REDIS}\nlogLevel: ${LEVEL}\nreportOnly: ${REPORT}\n')
    expect(mistakesIn(text)).toEqual([])
    expect(mistakesIn(example.replace('8080', 'eighty'))).toContainEqual('/listen/port anyOf')
  })

  it('describes every setting', () => {
    const bare: string[] = []
    const visit = (one: { properties?: object; description?: string; items?: object }, path: string): void => {
      if (one.description === undefined && path !== '') bare.push(path)
      for (const [name, inner] of Object.entries(one.properties ?? {})) visit(inner as object, `${path}/${name}`)
    }
    visit(schema, '')
    expect(bare).toEqual([])
  })
})

it('the file holds nothing that only code can give', () => {
  const given: string[] = []
  const visit = (one: Readonly<Record<string, unknown>>, path: string): void => {
    const { accepts, properties = {}, items, additionalProperties } = one
    const kinds = (accepts ?? []) as string[]
    if (kinds.includes('object') && kinds.length === 1) given.push(path)
    if (kinds.length > 0 && kinds.every((kind) => ['function', 'Buffer', 'KeyObject'].includes(kind))) given.push(path)
    for (const [name, inner] of Object.entries(properties as object)) visit(inner as never, `${path}.${name}`)
    if (typeof items === 'object') visit(items as never, `${path}[]`)
    if (typeof additionalProperties === 'object') visit(additionalProperties as never, `${path}.*`)
  }
  visit(configSchema, '')
  // These are plain: what a file can say.
  expect(given).toEqual(['.auth.apiKeys.keys[].claims'])
})
