import type { Mistake } from '@portcullis/kernel'
import { patched } from '@portcullis/testing/patch'
import Fastify from 'fastify'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import audit, { type AuditOptions } from '../src/index.ts'

const boot = async (options: unknown): Promise<void> => {
  const app = Fastify()
  try {
    await app.register(audit, options as AuditOptions)
    await app.ready()
  } finally {
    await app.close()
  }
}

describe('options', () => {
  it.each<[string, object, string, string]>([
    ['a misspelt option', { acess: false }, 'acess', 'additionalProperties'],
    ['a switch as a string', { access: 'false' }, 'access', 'type'],
    ['decisions by number', { decisions: 1 }, 'decisions', 'type'],
    ['a user agent by name', { userAgent: 'short' }, 'userAgent', 'type'],
    ['a parameter with its colon', { secretParams: [':token'] }, 'secretParams[0]', 'pattern'],
    ['one parameter for a list', { secretParams: 'token' }, 'secretParams', 'type'],
    ['a logger by name', { logger: 'pino' }, 'logger', 'accepts'],
    ['a logger that is none', { logger: { info() {} } }, 'logger', 'not-a-logger'],
    ['pino itself instead of an instance', { logger: pino }, 'logger', 'accepts'],
    ['fields that are not its business', { body: true }, 'body', 'additionalProperties'],
  ])('refuse %s, and boot once the fix is applied', async (_name, options, path, rule) => {
    const error = (await boot(options).catch((caught: unknown) => caught)) as { mistakes: Mistake[] }
    expect(error.mistakes.map((one) => [one.path, one.rule])).toEqual([[path, rule]])
    const fix = error.mistakes.flatMap((one) => one.fix)
    await boot(patched(options, fix))
  })

  it.each<[string, AuditOptions]>([
    ['nothing', {}],
    ['a pino instance', { logger: pino({ level: 'silent' }) }],
    ['decisions alone', { access: false }],
    ['other secrets', { secretParams: [] }],
  ])('take %s', async (_name, options) => {
    await expect(boot(options)).resolves.toBeUndefined()
  })
})
