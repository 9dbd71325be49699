import { createConnection } from 'node:net'

/** GET /any over HTTP/2 with Authorization fields as given, frame by frame: Node's client sends no two. */
export async function statusOverHttp2(port: number, authorization: readonly string[]): Promise<number> {
  const literal = (name: string, value: string): Buffer => Buffer.concat([Buffer.from([0]), sized(name), sized(value)])
  const fields = Buffer.concat([
    ...Object.entries({ ':method': 'GET', ':path': '/any', ':scheme': 'http', ':authority': 'x' }).map(
      ([name, value]) => literal(name, value),
    ),
    ...authorization.map((value) => literal('authorization', value)),
  ])
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0)
    const socket = createConnection(port, '127.0.0.1')
      .on('error', reject)
      .on('data', (chunk: Buffer) => {
        seen = Buffer.concat([seen, chunk])
        for (let at = 0; at + 9 <= seen.length; at += 9 + seen.readUIntBE(at, 3)) {
          // HEADERS (RFC 9113 §6.2) with an indexed status, or 0x08: a literal one (RFC 7541 appendix A).
          if (seen[at + 3] !== 1 || seen.length < at + 9 + seen.readUIntBE(at, 3)) continue
          const first = seen[at + 9] as number
          resolve(
            first >= 0x88 && first <= 0x8e ? ([200, 204, 206, 304, 400, 404, 500][first - 0x88] as number) : first,
          )
          socket.destroy()
          return
        }
      })
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(frame(4, 0, 0, Buffer.alloc(0)))
    socket.write(frame(1, 5, 1, fields))
  })
}

/** A string of HPACK without Huffman code (RFC 7541 §5.2). */
function sized(text: string): Buffer {
  const length: number[] = []
  if (text.length < 127) length.push(text.length)
  else {
    length.push(127)
    let rest = text.length - 127
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text, 'latin1')])
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
