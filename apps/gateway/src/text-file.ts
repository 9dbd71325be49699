import { closeSync, openSync, readSync } from 'node:fs'

/** Bytes: what is larger was not meant to be read. */
const LIMIT = 16 * 1024 * 1024

/** Reads a text, but not without end. @throws with a `code`: EFBIG beyond 16 MiB, and those of `node:fs` */
export function readText(path: string): string {
  const file = openSync(path, 'r')
  try {
    const chunks: Buffer[] = []
    let length = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(65_536)
      const read = readSync(file, chunk)
      if (read === 0) return Buffer.concat(chunks).toString('utf8')
      chunks.push(chunk.subarray(0, read))
      length += read
      if (length > LIMIT) throw Object.assign(new Error('the file is too large'), { code: 'EFBIG' })
    }
  } finally {
    closeSync(file)
  }
}
