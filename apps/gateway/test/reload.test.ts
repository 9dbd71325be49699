import { Agent, request as ask } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { developmentCertificates } from '@portcullis/https'
import { describe, expect, it, vi } from 'vitest'
import { configFor, start, startService, writeConfig } from './stage.ts'

/** What a client sends that wants a WebSocket. */
const OPENING = [
  'GET /a HTTP/1.1',
  'Host: a',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${'A'.repeat(22)}==`,
  '\r\n',
].join('\r\n')

const url = (port: number, path = '/a'): string => `http://127.0.0.1:${port}${path}`

describe('a reload', () => {
  it('changes routes, on connections that stand too', async () => {
    const service = await startService()
    const config = writeConfig(configFor(service.port, { rewrite: '/old' }))
    const gateway = await start(config.file)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const get = async (): Promise<[string, boolean]> => {
      const request = ask(url(gateway.ports.public), { agent }).end()
      const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream]
      let text = ''
      for await (const chunk of response) text += String(chunk)
      return [text, request.reusedSocket]
    }
    expect(await get()).toEqual(['"/old"', false])
    config.write(configFor(service.port, { rewrite: '/new' }))
    await gateway.reload()
    expect(await get()).toEqual(['"/new"', true])
    agent.destroy()
  })

  it('of an invalid file leaves everything as it is, and says why', async () => {
    const service = await startService()
    const config = writeConfig(configFor(service.port))
    const gateway = await start(config.file)
    config.write(configFor(service.port).replace('upstream: service,', 'upstream: none,'))
    await expect(gateway.reload()).rejects.toThrow(/gateway\.yaml:12:\d+ {2}gateway\.routes\[0\]\.upstream/)
    config.write('gateway: [')
    await expect(gateway.reload()).rejects.toThrow(/gateway\.yaml:1/)
    expect(await (await fetch(url(gateway.ports.public))).text()).toBe('"/a"')
  })

  it('lets what is under way end where it began', async () => {
    let end: () => void = () => {}
    const slow = await startService((_request, response) => {
      response.write('begun')
      end = () => response.end(' and ended')
    })
    const quick = await startService()
    const config = writeConfig(configFor(slow.port))
    const gateway = await start(config.file)
    const answer = await fetch(url(gateway.ports.public))
    config.write(configFor(quick.port))
    const reloaded = gateway.reload()
    await vi.waitFor(async () => expect(await (await fetch(url(gateway.ports.public))).text()).toBe('"/a"'))
    end()
    expect(await answer.text()).toBe('begun and ended')
    await reloaded
  })

  it('that takes WebSockets away leaves no opening without an answer', async () => {
    const service = await startService()
    const withSockets = configFor(service.port).replace('upstream: service,', 'upstream: service, webSocket: {},')
    const config = writeConfig(withSockets)
    const gateway = await start(config.file)
    const socket = connect(gateway.ports.public, '127.0.0.1')
    let heard = ''
    socket.on('data', (chunk) => (heard += String(chunk)))
    socket.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    await vi.waitFor(() => expect(heard).toContain('"/a"'))
    config.write(configFor(service.port))
    await gateway.reload()
    heard = ''
    socket.write(OPENING)
    await vi.waitFor(() => expect(heard).toMatch(/^HTTP\/1\.1 501 /))
    socket.destroy()
  })

  it.each([
    ['takes WebSockets away', ''],
    ['admits other clients', 'tls'],
  ])('that %s survives clients that open one and reset', async (_what, tls) => {
    const service = await startService()
    const withSockets = configFor(service.port).replace('upstream: service,', 'upstream: service, webSocket: {},')
    const config = writeConfig(withSockets)
    const gateway = await start(config.file)
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = connect(gateway.ports.public, '127.0.0.1')
        socket.on('error', () => {})
        socket.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
        await once(socket, 'data')
        return socket
      }),
    )
    const { key, cert } = await developmentCertificates(join(config.folder, 'authority'), { hosts: ['localhost'] })
    writeFileSync(join(config.folder, 'server.key'), key)
    writeFileSync(join(config.folder, 'server.pem'), cert)
    const next = configFor(service.port)
    config.write(
      tls === '' ? next : next.replace('port: 0 }', 'port: 0, tls: { keyFile: server.key, certFile: server.pem } }'),
    )
    await gateway.reload()
    for (const socket of sockets) socket.write(OPENING, () => socket.resetAndDestroy())
    // What nobody hears ends the process, and with it this test.
    await wait(200)
    expect((await fetch(`http://127.0.0.1:${gateway.ports.operation}/live`)).status).toBe(200)
  })

  it('happens by itself when the file changes', async () => {
    const service = await startService()
    const config = writeConfig(configFor(service.port, { rewrite: '/old' }))
    const gateway = await start(config.file, {}, true)
    config.write(configFor(service.port, { rewrite: '/new' }))
    await vi.waitFor(async () => expect(await (await fetch(url(gateway.ports.public))).text()).toBe('"/new"'), {
      timeout: 10_000,
      interval: 50,
    })
  })

  it('loses no request, though it comes twenty times under load', async () => {
    const service = await startService()
    const config = writeConfig(configFor(service.port))
    const gateway = await start(config.file)
    let over = false
    let answered = 0
    const statuses = new Set<number | undefined>()
    const agent = new Agent({ keepAlive: true })
    const client = async (): Promise<void> => {
      while (!over) {
        const request = ask(url(gateway.ports.public), { agent }).end()
        const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
        response.resume()
        await once(response, 'end')
        statuses.add(response.statusCode)
        answered++
      }
    }
    const clients = Array.from({ length: 10 }, client)
    // On a busy machine clients take longer to ask so often.
    for (let time = 0; time < 20 || answered < 100; time++) {
      await gateway.reload()
      await wait(30)
    }
    over = true
    await Promise.all(clients)
    agent.destroy()
    expect([...statuses]).toEqual([200])
  })
})

describe('the end', () => {
  it('says not ready, answers what it has, and tells clients to leave', async () => {
    let end: () => void = () => {}
    const service = await startService((_request, response) => {
      end = () => response.end('done')
    })
    const gateway = await start(writeConfig(configFor(service.port)).file)
    const ready = url(gateway.ports.operation, '/ready')
    expect((await fetch(ready)).status).toBe(200)
    expect((await fetch(url(gateway.ports.operation, '/live'))).status).toBe(200)
    const under = fetch(url(gateway.ports.public))
    await vi.waitFor(() => expect(service.asked).toHaveLength(1))
    const closed = gateway.close()
    await vi.waitFor(async () => expect((await fetch(ready)).status).toBe(503))
    end()
    const answer = await under
    expect([answer.status, await answer.text()]).toEqual([200, 'done'])
    await closed
    await expect(fetch(url(gateway.ports.public))).rejects.toThrow()
  })

  it('comes at its deadline, whoever is still there', async () => {
    const service = await startService(() => {})
    const gateway = await start(writeConfig(configFor(service.port).replace('deadline: 5', 'deadline: 1')).file)
    const socket = connect(gateway.ports.public, '127.0.0.1')
    socket.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    await vi.waitFor(() => expect(service.asked).toHaveLength(1))
    await gateway.close()
    if (!socket.destroyed) await once(socket, 'close')
    expect(socket.bytesRead).toBe(0)
  })
})

it('a port that somebody has ends the start, and leaves nothing open', async () => {
  const service = await startService()
  const text = configFor(service.port, { more: 'https: { hosts: [a.example] }\n' }).replace(
    'port: 0 }',
    `port: 0, plaintextPort: ${service.port}, trustProxy: [10.0.0.1] }`,
  )
  await expect(start(writeConfig(text).file)).rejects.toThrow(/EADDRINUSE/)
  const operation = configFor(service.port).replace('operation: { port: 0 }', `operation: { port: ${service.port} }`)
  await expect(start(writeConfig(operation).file)).rejects.toThrow(/EADDRINUSE/)
})
