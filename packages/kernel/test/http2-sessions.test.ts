import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { guardSessions } from '../src/http2-sessions.ts'

const TIMES = { headersTimeout: 10_000, requestTimeout: 30_000, idleTimeout: 72_000 }

class Session extends EventEmitter {
  destroyed = false
  closed: 'no' | 'gracefully' = 'no'
  close(): void {
    this.closed = 'gracefully'
  }
  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
  /** A request, until its stream closes. */
  ask(): () => void {
    const stream = new EventEmitter()
    this.emit('stream', stream)
    return () => void stream.emit('close')
  }
}

function guarded(): Session {
  const server = new EventEmitter()
  guardSessions(server, TIMES, new Set())
  const session = new Session()
  server.emit('session', session)
  return session
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a session', () => {
  it('that asks for nothing is told to go, and cut if it does not', () => {
    const session = guarded()
    vi.advanceTimersByTime(9_999)
    expect(session.closed).toBe('no')
    vi.advanceTimersByTime(1)
    expect([session.closed, session.destroyed]).toEqual(['gracefully', false])
    vi.advanceTimersByTime(1_000)
    expect(session.destroyed).toBe(true)
  })

  it('may wait for its answers for as long as they take', () => {
    const session = guarded()
    const [first, second] = [session.ask(), session.ask()]
    vi.advanceTimersByTime(600_000)
    first()
    vi.advanceTimersByTime(600_000)
    expect(session.closed).toBe('no')
    second()
    vi.advanceTimersByTime(72_000)
    expect(session.closed).toBe('gracefully')
  })

  it('may rest between requests, counted from the last answer', () => {
    const session = guarded()
    for (let i = 0; i < 3; i++) {
      session.ask()()
      vi.advanceTimersByTime(71_999)
      expect(session.closed).toBe('no')
    }
    vi.advanceTimersByTime(1)
    expect(session.closed).toBe('gracefully')
  })

  it('whose rest ended while a request came goes on', () => {
    const session = guarded()
    session.ask()()
    const done = session.ask()
    vi.advanceTimersByTime(500_000)
    done()
    vi.advanceTimersByTime(71_999)
    expect(session.closed).toBe('no')
    vi.advanceTimersByTime(1)
    expect(session.closed).toBe('gracefully')
  })

  it('that is gone leaves no timer', () => {
    const session = guarded()
    session.ask()()
    session.destroy()
    expect(vi.getTimerCount()).toBe(0)
  })
})
