import fc from 'fast-check'
import { afterEach, beforeEach, expect, vi } from 'vitest'

// What a library prints, its user has to read: a test that makes us print fails.
const methods = ['log', 'info', 'warn', 'error', 'debug'] as const

// A run is decided by what is in the tree, not by luck; `pnpm prove properties` tries other seeds.
fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? 1) })

// What is waited for comes at once, or a good deal later on a busy machine; the default is one second.
const { waitFor } = vi
vi.waitFor = (callback, options = {}) =>
  waitFor(callback, { timeout: 20_000, ...(typeof options === 'number' ? { timeout: options } : options) })

beforeEach(() => {
  for (const method of methods) vi.spyOn(console, method)
})

afterEach(() => {
  for (const method of methods) {
    const { calls } = vi.mocked(console[method]).mock
    vi.mocked(console[method]).mockRestore()
    expect(calls, `console.${method} was called`).toEqual([])
  }
})
