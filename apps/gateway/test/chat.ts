import { createHash } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { startService } from './stage.ts'

/** A service that says `heard` to whatever it hears, over WebSockets; to a plain request, in a stream of events. */
export async function startChat(): Promise<number> {
  const { server, port } = await startService((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: heard\n\n')
  })
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.on('error', () => {})
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    )
    socket.on('data', (frame: Buffer) =>
      ((frame[0] as number) & 0x0f) === 8 ? socket.end() : socket.write(Buffer.from('\x81\x05heard', 'latin1')),
    )
    onTestFinished(() => void socket.destroy())
  })
  return port
}

/** A client that is connected. */
export interface Client {
  readonly hears: () => Promise<string>
  readonly closed: Promise<number>
}

/** Opens one, with those fields. */
export async function open(port: number, headers: Record<string, string> = {}): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/a`, { headers } as never)
  const next = (event: 'open' | 'close' | 'message'): Promise<Event> =>
    new Promise((resolve) => socket.addEventListener(event, resolve, { once: true }))
  const closed = next('close').then((event) => (event as CloseEvent).code)
  onTestFinished(() => socket.close())
  await next('open')
  const hears = async (): Promise<string> => {
    const heard = next('message')
    socket.send('?')
    return String(((await Promise.race([heard, closed.then((code) => ({ data: code }))])) as MessageEvent).data)
  }
  return { hears, closed }
}
