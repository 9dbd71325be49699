import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashApiKey } from '@portcullis/auth'
import { parse } from 'yaml'
import { describe, expect, it, vi } from 'vitest'
import { makeApiKey } from '../src/api-key.ts'
import { command } from './process.ts'
import { configFor, start, startService, writeConfig } from './stage.ts'

const noon = Date.UTC(2026, 0, 1, 12)

/** A file whose route wants a scope of an API key. */
function withKeys(port: number, apiKeys = '{ file: keys.yaml }'): string {
  const text = configFor(port, {
    policy: '{ auth: { scopes: [invoices:read] } }',
    more: `auth: { apiKeys: ${apiKeys} }\n`,
  })
  return text.replace(/.*dangerouslyWithoutAuth.*\n/, '')
}

describe('a file of API keys', () => {
  it('admits who has one, and takes new ones without touching the file of routes', async () => {
    const service = await startService()
    const { file, folder } = writeConfig(withKeys(service.port))
    const keys = join(folder, 'keys.yaml')
    const first = makeApiKey({ owner: 'billing', scopes: ['invoices:read'] }, noon)
    writeFileSync(keys, first.entry)
    const gateway = await start(file, {}, true)
    const ask = async (key: string): Promise<number> =>
      (await fetch(`http://127.0.0.1:${gateway.ports.public}/a`, { headers: { 'x-api-key': key } })).status
    const second = makeApiKey({ owner: 'reports', scopes: ['invoices:read'] }, noon)
    expect([await ask(first.key), await ask(second.key), await ask('')]).toEqual([200, 401, 401])
    writeFileSync(keys, second.entry)
    await vi.waitFor(async () => expect(await ask(second.key)).toBe(200), { timeout: 10_000, interval: 50 })
    expect(await ask(first.key)).toBe(401)
  })

  it('that is emptied withdraws the last key', async () => {
    const service = await startService()
    const { file, folder } = writeConfig(withKeys(service.port))
    const keys = join(folder, 'keys.yaml')
    const { key, entry } = makeApiKey({ owner: 'billing', scopes: ['invoices:read'] }, noon)
    writeFileSync(keys, entry)
    const gateway = await start(file)
    const ask = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${gateway.ports.public}/a`, { headers: { 'x-api-key': key } })).status
    expect(await ask()).toBe(200)
    writeFileSync(keys, '# none\n')
    await gateway.reload()
    expect(await ask()).toBe(401)
  })

  it('says its mistakes with its own lines, among those of the file', () => {
    const { file, folder } = writeConfig(`${withKeys(1)}limits: {}\n`)
    writeFileSync(join(folder, 'keys.yaml'), `- { id: x, subject: billing }\n- hash: ${'0'.repeat(64)}\n`)
    const run = command(['--check', file])
    return run.ended.then((code) => {
      expect(code).toBe(1)
      expect(run.output()).toMatch(/gateway\.yaml:\d+:\d+ {2}limits /)
      expect(run.output()).toMatch(/keys\.yaml:1:\d+ {2}\[0\]\.id /)
      expect(run.output()).toMatch(/keys\.yaml:1:\d+ {2}\[0\]\.hash /)
      expect(run.output()).toMatch(/keys\.yaml:2:\d+ {2}\[1\]\.subject /)
    })
  })

  it('that is none is a mistake', async () => {
    const { file, folder } = writeConfig(withKeys(1))
    await expect(start(file)).rejects.toThrow(/keys\.yaml {2}cannot be read: ENOENT/)
    writeFileSync(join(folder, 'keys.yaml'), 'a: b\n')
    await expect(start(file)).rejects.toThrow(/keys\.yaml:1:1 {2}is not a list of entries/)
  })
})

describe('gateway-server api-key', () => {
  it('prints a key, and an entry that holds its hash alone', async () => {
    const run = command(['api-key', '--owner', 'billing', '--scopes', 'invoices:read,invoices:write', '--days', '30'])
    expect(await run.ended).toBe(0)
    const [key = '', ...rest] = run.output().split('\n')
    const text = rest.join('\n')
    const now = Date.now() / 1000
    expect(parse(text)).toEqual([
      {
        id: expect.stringMatching(/^\w{12}$/),
        hash: hashApiKey(key),
        subject: 'billing',
        scopes: ['invoices:read', 'invoices:write'],
        expires: expect.toSatisfy((at: number) => Math.abs(at - now - 30 * 86_400) < 120),
      },
    ])
    expect(text).not.toContain(key)
  })

  it('hashes with the pepper of a file', () => {
    const { folder } = writeConfig('')
    const pepperFile = join(folder, 'pepper')
    writeFileSync(pepperFile, `${'p'.repeat(48)}\n`)
    const { key, entry } = makeApiKey({ owner: 'billing', pepperFile, prefix: 'shop' }, noon)
    expect(key).toMatch(/^shop_/)
    expect(parse(entry)).toMatchObject([{ hash: hashApiKey(key, 'p'.repeat(48)) }])
  })

  it.each([
    [[], /needs --owner/],
    [['--owner', 'a', '--days', '1.5'], /--days is a whole number/],
    [['--owner', 'a', '--prefix', 'A'], /is no prefix/],
    [['--owner', 'a', '--scope', 'b'], /--scope/],
  ])('says what is wrong with %j', async (args, why) => {
    const run = command(['api-key', ...args])
    expect(await run.ended).toBe(1)
    expect(run.output()).toMatch(why)
  })
})
