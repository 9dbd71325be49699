import { createServer } from 'node:net'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import gateway, { openTargetStates, type TargetStates, upstreamStatus } from '../src/index.ts'
import { listen, optionsFor, stage } from './stage.ts'

/** A target that takes connections and resets them. */
async function resetting(): Promise<{ port: number; count: () => number }> {
  let count = 0
  const server = createServer((socket) => {
    count++
    socket.resetAndDestroy()
  })
  onTestFinished(() => void server.close())
  return { port: await listen(server as never), count: () => count }
}

const retries = { attempts: 0 }

/** Requests until the circuit opens, and one to the app that replaces it. */
async function replaced(targetStates: TargetStates | undefined, failuresOfNext = 2): Promise<[number, number]> {
  const { port, count } = await resetting()
  const options = targetStates === undefined ? {} : { targetStates }
  const old = await stage(port, { options, upstream: { retries, circuit: { failures: 2 } } })
  for (let time = 0; time < 2; time++) expect((await old.app.inject('/users/profile')).statusCode).toBe(502)
  const before = count()
  const next = await stage(port, { options, upstream: { retries, circuit: { failures: failuresOfNext } } })
  await next.app.ready()
  await old.app.close()
  const { statusCode } = await next.app.inject('/users/profile')
  return [statusCode, count() - before]
}

describe('an app that replaces another', () => {
  it('asks the target that the other gave up, where each has learnt for itself', async () => {
    expect(await replaced(undefined)).toEqual([502, 1])
  })

  it('gives up what the other gave up, where both keep it in one place', async () => {
    expect(await replaced(openTargetStates())).toEqual([503, 0])
  })

  it('learns anew where its terms are others', async () => {
    expect(await replaced(openTargetStates(), 3)).toEqual([502, 1])
  })

  it('keeps a target out that the active checks of the other took out', async () => {
    const targetStates = openTargetStates()
    const { port } = await resetting()
    const upstream = { health: { path: '/health', interval: 3600, unhealthyAfter: 1 } }
    const old = await stage(port, { options: { targetStates }, upstream })
    await old.app.ready()
    while (upstreamStatus(old.app)[0]?.targets[0]?.healthy !== false) await new Promise(setImmediate)
    const next = await stage(port, { options: { targetStates }, upstream })
    await next.app.ready()
    expect(upstreamStatus(next.app)).toMatchObject([{ targets: [{ healthy: false }] }])
  })
})

it('what is known is forgotten with the last app that asks', async () => {
  const targetStates = openTargetStates()
  const { port } = await resetting()
  const staging = { options: { targetStates }, upstream: { retries, circuit: { failures: 1 } } }
  const old = await stage(port, staging)
  expect((await old.app.inject('/users/profile')).statusCode).toBe(502)
  await old.app.close()
  const next = await stage(port, staging)
  expect((await next.app.inject('/users/profile')).statusCode).toBe(502)
})

it('the place is what openTargetStates() gives, and nothing else', async () => {
  const app = Fastify()
  const options = await optionsFor(1, { options: { targetStates: {} as never } })
  await expect(async () => app.register(gateway, options)).rejects.toThrow(/targetStates +must be what/)
})
