import { describe, expect, it } from 'vitest'
import type { VerifyBasic } from '../src/index.ts'
import { Outage } from '../src/remote/outage.ts'
import { apiKey, get, guarded } from './apps.ts'

const authorization = `Basic ${Buffer.from('masum:wrong').toString('base64')}`
const trap = {
  get: (): never => {
    throw new Error('trap')
  },
}

class Row {
  readonly subject = 'masum'
}

const revoked = Proxy.revocable({}, {})
revoked.revoke()

describe('what a verify function returns', () => {
  // Each of these means "no" to whoever wrote the function.
  it.each<[name: string, value: unknown]>([
    ['no rows', []],
    ['a result without rows', { rows: [], rowCount: 0 }],
    ['an object that says no', { ok: false }],
    ['an object that says no beside a subject', { subject: 'masum', valid: false }],
    ['an error that was returned', new Error('wrong password')],
    ['nothing that was spread', {}],
    ['false', false],
    ['an empty string', ''],
    ['zero', 0],
    ['a Map', new Map()],
    ['a Date', new Date(0)],
    ['a function', () => ({ subject: 'masum' })],
    ['an instance', new Row()],
    ['scopes with holes', { subject: 'masum', scopes: new Array(2) }],
    ['claims that are a list', { subject: 'masum', claims: ['admin'] }],
    ['a proxy that throws', new Proxy({}, trap)],
  ])('admits nobody if it is %s', async (_name, value) => {
    for (const verify of [() => value, async () => value] as VerifyBasic[]) {
      const { app, events } = await guarded({ basic: { verify } })
      expect((await get(app, '/any', authorization)).json()).toMatchObject({ code: 'PTC_AUTH_UNAVAILABLE' })
      expect(events).toMatchObject([{ type: 'auth.interrupted' }])
    }
  })

  it.each<[name: string, value: unknown]>([
    ['frozen', Object.freeze({ subject: 'masum', scopes: Object.freeze(['a']) })],
    ['without prototype', Object.assign(Object.create(null) as object, { subject: 'masum' })],
    ['a promise in a promise', Promise.resolve(Promise.resolve({ subject: 'masum' }))],
  ])('admits its caller if it is an identity, %s', async (_name, value) => {
    const { app } = await guarded({ basic: { verify: () => value as never } })
    expect((await get(app, '/any', authorization)).json()).toMatchObject({ identity: { subject: 'masum' } })
  })
})

describe('what a look-up throws', () => {
  it.each<[name: string, thrown: unknown]>([
    ['null', null],
    ['a symbol', Symbol('x')],
    ['a proxy that throws when it is read', new Proxy({}, trap)],
    ['an error whose stack throws', Object.defineProperty(new Error('x'), 'stack', trap)],
    ['something without JSON', { toJSON: trap.get }],
    ['a revoked proxy', revoked.proxy],
  ])('is a 503, whatever it is: %s', async (_name, thrown) => {
    const boom = (): never => {
      throw thrown
    }
    const rejecting = (): never => Promise.reject(thrown as Error) as never
    for (const find of [boom, rejecting]) {
      const { app } = await guarded({ basic: { verify: find }, apiKeys: { find } })
      expect((await get(app, '/any', authorization)).statusCode).toBe(503)
      expect((await get(app, '/any', undefined, { 'x-api-key': apiKey })).statusCode).toBe(503)
    }
  })

  it('after its time is over ends no process', async () => {
    const unhandled: unknown[] = []
    const listen = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', listen)
    try {
      let reject: (error: Error) => void = () => {}
      const { ask } = await import('../src/remote/look-up.ts')
      const never = new Promise<never>((_resolve, refuse) => (reject = refuse))
      const answer = await ask(
        () => never,
        (value) => value,
        { timeoutMs: 1, onFailure: () => {}, outage: new Outage(Date.now) },
      )
      expect(answer).toBe('unavailable')
      reject(new Error('late'))
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', listen)
    }
  })
})
