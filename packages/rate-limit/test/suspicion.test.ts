import { describe, expect, it } from 'vitest'
import { Suspicions } from '../src/login/suspicion.ts'

describe('suspicions', () => {
  it('name who was seen, and are told once in a window', () => {
    const suspicions = new Suspicions(900, 100)
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1']) suspicions.note('account', address, 0)
    expect(suspicions.tell('account', 1)).toEqual({ attempts: 3, companions: ['192.0.2.1', '192.0.2.2'] })
    suspicions.note('account', '192.0.2.3', 2)
    expect(suspicions.tell('account', 3)).toBeUndefined()
    suspicions.note('account', '192.0.2.3', 900_000)
    expect(suspicions.tell('account', 900_000)).toEqual({ attempts: 1, companions: ['192.0.2.3'] })
  })

  it('say nothing of whom nobody has seen', () => {
    expect(new Suspicions(900, 100).tell('account', 0)).toBeUndefined()
  })

  it('count no success', () => {
    const suspicions = new Suspicions(900, 100)
    suspicions.note('account', '192.0.2.1', 0)
    suspicions.note('account', '192.0.2.1', 0)
    suspicions.forgive('account')
    expect(suspicions.tell('account', 0)?.attempts).toBe(1)
  })

  it('stay within their bounds whatever comes', () => {
    const suspicions = new Suspicions(900, 10)
    for (let i = 0; i < 1000; i++) suspicions.note('account', `address-${i}`, 0)
    expect(suspicions.tell('account', 0)).toMatchObject({ attempts: 1000 })
    for (let i = 0; i < 1000; i++) suspicions.note(`account-${i}`, 'address', 0)
    expect(suspicions.size).toBe(10)
    suspicions.note('new', 'address', 900_000)
    expect(suspicions.size).toBe(1)
  })

  it('name sixteen at most', () => {
    const suspicions = new Suspicions(900, 10)
    for (let i = 0; i < 1000; i++) suspicions.note('account', `address-${i}`, 0)
    expect(suspicions.tell('account', 0)?.companions).toHaveLength(16)
  })
})
