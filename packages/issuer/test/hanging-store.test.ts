import { afterEach, expect, it, vi } from 'vitest'
import { memoryStore, refresh, sessions, signIn } from '../src/index.ts'
import type { IssuerStore } from '../src/stores/memory.ts'
import { codeOf, given, headerOf, stage } from './stage.ts'

afterEach(() => void vi.useRealTimers())

/** A store that answers nothing until it is told to go on: a frozen database closes no connection. */
function hangingStore() {
  const { sessions: inner, keys, ...store } = memoryStore()
  let goOn: () => void = () => {}
  let frozen: Promise<void> | undefined
  let asked = 0
  const wait = <Given extends unknown[], Result>(act: (...given: Given) => Promise<Result>) => {
    return async (...given: Given): Promise<Result> => {
      asked++
      await frozen
      return act(...given)
    }
  }
  const hanging: IssuerStore['sessions'] = {
    open: wait((...given) => inner.open(...given)),
    find: wait((...given) => inner.find(...given)),
    refresh: wait((...given) => inner.refresh(...given)),
    note: wait((...given) => inner.note(...given)),
    end: wait((...given) => inner.end(...given)),
    list: wait((...given) => inner.list(...given)),
    purge: wait((...given) => inner.purge(...given)),
  }
  return {
    store: {
      ...store,
      sessions: hanging,
      keys: {
        read: wait(() => keys.read()),
        change: wait((decide: Parameters<typeof keys.change>[0]) => keys.change(decide)),
      },
    },
    freeze: () => void (frozen = new Promise((resolve) => (goOn = resolve))),
    thaw: () => goOn(),
    /** What was asked until now is never answered. */
    lose: () => void (frozen = undefined),
    asked: () => asked,
  }
}

it('a store that hangs is answered 503 after five seconds, and a refresh that it ends later uses up no token', async () => {
  const { store, freeze, thaw } = hangingStore()
  const { app, clock, types } = await stage({ store })
  const { refreshToken } = given(await signIn(app, { subject: 'u' }))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  freeze()
  const [late, list] = [refresh(app, refreshToken), sessions(app, 'u')]
  await vi.advanceTimersByTimeAsync(5_000)
  expect([codeOf(await late), codeOf(await list)]).toEqual(['PTC_ISSUER_UNAVAILABLE', 'PTC_ISSUER_UNAVAILABLE'])
  clock.pass(30)
  thaw()
  await vi.advanceTimersByTimeAsync(0)
  clock.pass(30)
  given(await refresh(app, refreshToken))
  expect(types()).not.toContain('issuer.reused')
})

it('while a store hangs, a thousand calls wait for it and no more', async () => {
  const { store, freeze, thaw, asked } = hangingStore()
  const { app } = await stage({ store })
  const { refreshToken } = given(await signIn(app, { subject: 'u' }))
  freeze()
  const waiting = Array.from({ length: 1_000 }, () => refresh(app, refreshToken))
  const before = asked()
  expect(codeOf(await refresh(app, refreshToken))).toBe('PTC_ISSUER_UNAVAILABLE')
  expect(asked()).toBe(before)
  thaw()
  expect(new Set((await Promise.all(waiting)).map((answer) => given(answer).refreshToken)).size).toBe(1)
  given(await refresh(app, refreshToken))
})

it('a store that hangs once holds up neither the ring nor the end of the app', async () => {
  const { store, freeze, lose, asked } = hangingStore()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  const { app, clock } = await stage({ store, keys: { rotateAfter: 86_400 } })
  const kid = headerOf(given(await signIn(app, { subject: 'u' })))['kid']
  freeze()
  await vi.advanceTimersByTimeAsync(65_000)
  lose()
  clock.pass(86_400)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(headerOf(given(await signIn(app, { subject: 'u' })))['kid']).not.toBe(kid)
  freeze()
  const before = asked()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked()).toBeGreaterThan(before)
  const closing = app.close()
  await vi.advanceTimersByTimeAsync(5_000)
  await closing
})
