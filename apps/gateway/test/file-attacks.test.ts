import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { readConfig } from '../src/config.ts'
import { ConfigError, type Fault } from '../src/index.ts'
import { configFor, writeConfig } from './stage.ts'

// What a file may hold that its author did not mean, or that somebody slipped in.

function faultsOf(text: string, env: Record<string, string> = {}, more: Record<string, string> = {}): readonly Fault[] {
  const { file, folder } = writeConfig(text)
  for (const [name, content] of Object.entries(more)) writeFileSync(join(folder, name), content)
  try {
    readConfig(file, env)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).faults
  }
  return []
}

const bomb = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((name, index, all) =>
  index === 0
    ? 'a: &a [1,1,1,1,1,1,1,1,1]'
    : `${name}: &${name} [${Array(9)
        .fill(`*${all[index - 1]}`)
        .join()}]`,
)

it.each<readonly [string, string, RegExp]>([
  ['a bomb of aliases', `${bomb.join('\n')}\n`, /aliases/],
  ['an alias that leads nowhere', `${configFor(1)}redis: *nothing\n`, /\*nothing/],
  ['a hundred thousand brackets', `gateway: ${'['.repeat(100_000)}`, /stack/],
  ...[500, 2_000, 5_000].map(
    (depth) => [`a depth of ${depth}`, `gateway: ${'['.repeat(depth)}${']'.repeat(depth)}`, /./] as const,
  ),
  ['the words of YAML 1.1', `%YAML 1.1\n---\n${configFor(1)}`, /YAML 1\.2/],
  ['a tag', `${configFor(1)}redis: !!js/function 'x'\n`, /tag/],
  ['bytes', `${configFor(1)}redis: !!binary cmVkaXM6Ly9h\n`, /tag/],
  ['a date', `${configFor(1)}redis: !!timestamp 2026-01-01\n`, /tag/],
  ['a second document', `${configFor(1)}---\n${configFor(1)}`, /document/],
  ['a key twice', `${configFor(1)}cors: { origins: [], origins: ['*'] }\n`, /unique/],
  ['a key that is written in two ways', `${configFor(1)}redis: redis://a\n"redis": redis://b\n`, /unique/],
  ['a merge', `${configFor(1)}cors: { <<: { origins: ['*'] } }\n`, /not an option/],
  ['1e999', `${configFor(1).replace('deadline: 5', 'deadline: 1e999')}`, /integer|at most/],
  ['.inf', `${configFor(1).replace('deadline: 5', 'deadline: .inf')}`, /integer|at most/],
  ['.nan', `${configFor(1).replace('deadline: 5', 'deadline: .nan')}`, /integer|number/],
  ['nothing', '', /required/],
  ['a list', '- 1\n', /object/],
])('%s is a mistake', (_what, text, why) => {
  const faults = faultsOf(text)
  expect(faults.map(({ message }) => message).join('\n')).toMatch(why)
})

it.each(['__proto__: { reportOnly: true }', '"__proto__": { reportOnly: true }', 'constructor: { prototype: {} }'])(
  '%s is an unknown key like any other, and changes nothing else',
  (line) => {
    expect(faultsOf(`${configFor(1)}${line}\n`)).toMatchObject([
      { line: 13, message: expect.stringMatching(/not an option/) },
    ])
    expect(
      faultsOf(configFor(1, { more: `cors: { origins: ['https://a.example'], ${line.replaceAll('"', '')} }\n` })),
    ).toMatchObject([{ line: 13 }])
    expect({}).not.toHaveProperty('reportOnly')
  },
)

it.each([
  ['within another', '${file:${NAME}}'],
  ['within another variable', '${${NAME}}'],
  ['that nothing closes', 'redis://${NAME'],
  ['that leads to no name', '${NA ME}'],
  ['without a name', '${}'],
  ['with a default of a shell', '${NAME:-redis://a}'],
])('a reference %s is a mistake, and not a text', (_how, text) => {
  const faults = faultsOf(`redis: '${text}'\n`, { NAME: 'other-secret' })
  expect(faults).toMatchObject([{ line: 1, message: expect.stringContaining('write $${ for a plain ${') }])
  expect(JSON.stringify(faults)).not.toContain('other-secret')
})

it('what a reference brings is a text: it holds no reference and no YAML', () => {
  const { file, folder } = writeConfig(
    `${configFor(1).replace('issuer: gateway', "issuer: '${file:name}'")}redis: '\${URL}'\n`,
  )
  writeFileSync(join(folder, 'name'), "${URL}', algorithm: 'none\n")
  const { config } = readConfig(file, { URL: 'redis://${file:gateway.key}' })
  expect(config.redis).toBe('redis://${file:gateway.key}')
  expect(config.gateway).toMatchObject({ internalToken: { issuer: "${URL}', algorithm: 'none" } })
})

it('an empty secret file is a mistake: it may be about to be written', () => {
  const text = `${configFor(1)}redis: 'redis://:\${file:password}@127.0.0.1'\n`
  for (const content of ['', '\n', '\r\n']) {
    expect(faultsOf(text, {}, { password: content })).toMatchObject([
      { line: 13, message: 'the file password is empty' },
    ])
  }
})

it('a file without end is not read to its end', () => {
  expect(faultsOf(`redis: '\${file:/dev/zero}'\n`)).toMatchObject([
    { line: 1, message: 'the file /dev/zero cannot be read: EFBIG' },
  ])
  expect(faultsOf(configFor(1).replace('gateway:', 'gateway:\n  openapi: /dev/zero'))).toMatchObject([
    { message: 'cannot be read: EFBIG' },
  ])
})

it('a mistake in a block is told at the line of its name', () => {
  const text = configFor(1).replace('listen: { host: 127.0.0.1, port: 0 }', 'lisen:\n  host: 127.0.0.1\n  port: 0')
  expect(faultsOf(text)).toMatchObject([{ line: 2, path: 'lisen' }])
})

it('the text of a mistake is read as yaml reads it', () => {
  // What the parser says is part of our message: it holds nothing of the file.
  const secret = 'hunter2-hunter2'
  for (const text of [
    `redis: "${secret}\n`,
    `redis: {${secret}`,
    `redis: ${secret}: ${secret}`,
    `? ${secret}\n${secret}`,
    `\t${secret}`,
  ]) {
    expect(parseDocument(text).errors).not.toEqual([])
    expect(JSON.stringify(faultsOf(text))).not.toContain(secret)
  }
})
