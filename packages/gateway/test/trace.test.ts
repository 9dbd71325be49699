import { describe, expect, it, vi } from 'vitest'
import { compileTrace } from '../src/trace.ts'
import { stage, startBackend } from './stage.ts'

/** 01, 02, 03 … */
const counting = () =>
  vi.fn<(pool: Buffer) => void>((pool) => {
    for (let at = 0; at < pool.length; at++) pool[at] = (at + 1) & 0xff
  })
const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const OURS = '0102030405060708'

describe('a trace (W3C Trace Context)', () => {
  it.each([
    [`00-${ID}-00f067aa0ba902b7-01`, `00-${ID}-${OURS}-01`],
    [`00-${ID}-00f067aa0ba902b7-00`, `00-${ID}-${OURS}-00`],
    // Flags that we do not know are not passed on (§3.2.2.5).
    [`00-${ID}-00f067aa0ba902b7-ff`, `00-${ID}-${OURS}-01`],
    [`00-${ID}-00f067aa0ba902b7-fe`, `00-${ID}-${OURS}-00`],
    // Later versions are read as far as we know them.
    [`cc-${ID}-00f067aa0ba902b7-01`, `00-${ID}-${OURS}-01`],
    [`cc-${ID}-00f067aa0ba902b7-01-what-ever`, `00-${ID}-${OURS}-01`],
  ])('%s goes on', (traceparent, sent) => {
    expect(compileTrace(counting())(traceparent, 'a=1,b=2')).toEqual({ traceparent: sent, tracestate: 'a=1,b=2' })
  })

  it.each([
    undefined,
    '',
    `00-${ID}-00f067aa0ba902b7`,
    `00-${ID}-00f067aa0ba902b7-01-`,
    `00-${ID}-00f067aa0ba902b7-01-more`,
    `cc-${ID}-00f067aa0ba902b7-01.more`,
    `ff-${ID}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${ID}-${'0'.repeat(16)}-01`,
    `00-${ID.toUpperCase()}-00f067aa0ba902b7-01`,
    ` 00-${ID}-00f067aa0ba902b7-01`,
    `00-${ID}-00f067aa0ba902b7-01, 00-${ID}-00f067aa0ba902b7-01`,
  ])('%j begins a new one, without the state of another', (traceparent) => {
    const begun = compileTrace(counting())(traceparent, 'a=1')
    expect(begun).toEqual({ traceparent: '00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01', tracestate: null })
  })

  it('has no state that is none, or too long', () => {
    for (const state of [undefined, '', 'a=\x00', 'é=1', 'a'.repeat(513)]) {
      expect(compileTrace()(`00-${ID}-00f067aa0ba902b7-01`, state).tracestate).toBeNull()
    }
  })

  it('asks for random bytes once for hundreds, and takes no zeroes', () => {
    const fill = counting()
    const trace = compileTrace(fill)
    const seen = new Set(Array.from({ length: 170 }, () => trace(undefined, undefined).traceparent))
    expect(fill).toHaveBeenCalledTimes(1)
    expect(seen.size).toBeGreaterThan(30)
    let zeroes = true
    const next = compileTrace((pool) => {
      pool.fill(zeroes ? 0 : 7)
      zeroes = false
    })
    expect(next(undefined, undefined).traceparent).not.toContain('0000')
  })
})

it('is the same at the service and in its successor, beside the id of the request', async () => {
  const backend = await startBackend((_request, response) => {
    response.setHeader('x-request-id', 'theirs')
    response.end('ok')
  })
  const { app } = await stage(backend.port)
  const headers = { traceparent: `00-${ID}-00f067aa0ba902b7-01`, tracestate: 'a=1', 'x-request-id': 'mine' }
  const answer = await app.inject({ url: '/users/profile', headers })
  const received = backend.hits[0]?.headers
  expect(received?.['traceparent']).toMatch(new RegExp(`^00-${ID}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
  expect(received?.['tracestate']).toBe('a=1')
  expect(received?.['x-request-id']).toBe('req-1')
  expect(answer.headers['x-request-id']).toBe('req-1')
})
