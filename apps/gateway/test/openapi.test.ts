import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { readConfig } from '../src/config.ts'
import type { ConfigError } from '../src/index.ts'
import { configFor, start, startService, writeConfig } from './stage.ts'

const openapi = (limit: number): string => `
openapi: 3.1.1
info: { title: 'A', version: '1', description: 'Not a reference: \${NAME}' }
paths:
  /a:
    get:
      parameters:
        - { name: limit, in: query, schema: { type: integer, maximum: ${limit} } }
      responses:
        200: { description: Fine. }
`

const withDocument = (port: number): string =>
  configFor(port).replace('gateway:\n', 'gateway:\n  openapi: openapi.yaml\n')

describe('a document beside the file', () => {
  it('is what requests must match, and is read again when it changes', async () => {
    const service = await startService()
    const { file, folder } = writeConfig(withDocument(service.port))
    const document = join(folder, 'openapi.yaml')
    writeFileSync(document, openapi(10))
    const gateway = await start(file, {}, true)
    const ask = async (query: string): Promise<number> =>
      (await fetch(`http://127.0.0.1:${gateway.ports.public}/a${query}`)).status
    expect([await ask('?limit=10'), await ask('?limit=11'), await ask('?other=1')]).toEqual([200, 400, 400])
    expect(service.asked).toEqual(['GET /a?limit=10'])
    writeFileSync(document, openapi(20))
    await vi.waitFor(async () => expect(await ask('?limit=11')).toBe(200), { timeout: 10_000, interval: 50 })
  })

  it('may be JSON', () => {
    const { file, folder } = writeConfig(withDocument(1))
    writeFileSync(join(folder, 'openapi.yaml'), JSON.stringify({ openapi: '3.1.0', paths: { '/a': { get: {} } } }))
    const { config, files } = readConfig(file, {})
    expect(config.gateway).toMatchObject({ openapi: { openapi: '3.1.0' } })
    expect([...files.keys()]).toContain(join(folder, 'openapi.yaml'))
  })

  it.each<[string, string | null, string, RegExp]>([
    [
      'a mistake',
      openapi(10).replace('integer', 'integer, nullable: true'),
      'openapi.yaml',
      /^ +openapi\.yaml:8:\d+ {2}paths\["\/a"\]\.get\.parameters\[0\]\.schema\.nullable is OpenAPI 3\.0/m,
    ],
    [
      'no such operation',
      openapi(10).replace('get:', 'put:'),
      'gateway.yaml',
      /gateway\.yaml:13:\d+ {2}gateway\.routes\[0\] is not in openapi/,
    ],
    ['no YAML', 'openapi: [', 'openapi.yaml', /^ +openapi\.yaml:1:\d+ /m],
    ['a list', '- openapi', 'openapi.yaml', /is not an OpenAPI document/],
    ['no file', null, 'openapi.yaml', /cannot be read: ENOENT/],
  ])('tells of %s with its line', (_what, document, _file, said) => {
    const { file, folder } = writeConfig(withDocument(1))
    if (document !== null) writeFileSync(join(folder, 'openapi.yaml'), document)
    let told: ConfigError | undefined
    try {
      readConfig(file, {})
    } catch (error) {
      told = error as ConfigError
    }
    expect(told?.message).toMatch(said)
  })
})
