import { afterEach, expect, it, vi } from 'vitest'
import { memoryStore, refresh, sessions, signIn } from '../src/index.ts'
import type { IssuerStore } from '../src/memory-store.ts'
import { codeOf, given, stage } from './stage.ts'

afterEach(() => void vi.useRealTimers())

/** A store that answers nothing until it is told to go on: a frozen database closes no connection. */
function hangingStore() {
  const { sessions: inner, ...store } = memoryStore()
  let goOn: () => void = () => {}
  let frozen: Promise<void> | undefined
  const wait = <Given extends unknown[], Result>(act: (...given: Given) => Promise<Result>) => {
    return async (...given: Given): Promise<Result> => {
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
    store: { ...store, sessions: hanging },
    freeze: () => void (frozen = new Promise((resolve) => (goOn = resolve))),
    thaw: () => goOn(),
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
  const { store, freeze, thaw } = hangingStore()
  const { app } = await stage({ store })
  const { refreshToken } = given(await signIn(app, { subject: 'u' }))
  freeze()
  const waiting = Array.from({ length: 1_000 }, () => refresh(app, refreshToken))
  const asked = vi.spyOn(store.sessions, 'refresh')
  expect(codeOf(await refresh(app, refreshToken))).toBe('PTC_ISSUER_UNAVAILABLE')
  expect(asked).not.toHaveBeenCalled()
  thaw()
  expect(new Set((await Promise.all(waiting)).map((answer) => given(answer).refreshToken)).size).toBe(1)
  given(await refresh(app, refreshToken))
})
