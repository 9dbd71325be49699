import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { open, startChat } from './chat.ts'
import { configFor, start, writeConfig } from './stage.ts'

async function stage(deadline: number) {
  const port = await startChat()
  const text = configFor(port)
    .replace('upstream: service,', 'upstream: service, webSocket: {},')
    .replace('deadline: 5', `deadline: ${deadline}`)
  const { file } = writeConfig(text)
  return start(file)
}

describe('a WebSocket', () => {
  it('goes on over a reload, beside those of the next reading', async () => {
    const gateway = await stage(60)
    const old = await open(gateway.ports.public)
    await gateway.reload()
    const next = await open(gateway.ports.public)
    expect([await old.hears(), await next.hears()]).toEqual(['heard', 'heard'])
  })

  it('ends with 1012 once the reading that opened it has had its time, and no other does', async () => {
    const gateway = await stage(1)
    const old = await open(gateway.ports.public)
    await gateway.reload()
    const next = await open(gateway.ports.public)
    expect(await old.closed).toBe(1012)
    await wait(1_500)
    expect(await next.hears()).toBe('heard')
  })

  it('keeps no more than four old readings, however often the file changes', async () => {
    const gateway = await stage(3600)
    const all = []
    for (let turn = 0; turn < 8; turn++) {
      all.push(await open(gateway.ports.public))
      await gateway.reload()
    }
    expect(await Promise.all(all.slice(0, 4).map(({ closed }) => closed))).toEqual([1012, 1012, 1012, 1012])
    expect(await Promise.all(all.slice(4).map(({ hears }) => hears()))).toEqual(Array(4).fill('heard'))
  })

  it('is told that the process ends, and does not keep it', async () => {
    const gateway = await stage(3600)
    const [old] = [await open(gateway.ports.public)]
    await gateway.reload()
    const next = await open(gateway.ports.public)
    await gateway.close()
    expect(await Promise.all([old.closed, next.closed])).toEqual([1012, 1012])
  })

  it('does not keep a reading when its client leaves', async () => {
    const gateway = await stage(3600)
    const port = gateway.ports.public
    const socket = new WebSocket(`ws://127.0.0.1:${port}/a`)
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
    await gateway.reload()
    socket.close()
    await vi.waitFor(() => expect(socket.readyState).toBe(WebSocket.CLOSED))
    // Where old readings were kept, the fifth would have to wait for one.
    for (let turn = 0; turn < 6; turn++) await gateway.reload()
    expect(await (await open(port)).hears()).toBe('heard')
  })
})
