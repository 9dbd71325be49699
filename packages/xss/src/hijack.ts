import type { ServerResponse } from 'node:http'
import { BYTES, type Policy } from './policy.ts'

type WriteHead = (status: number, ...rest: unknown[]) => ServerResponse

/** RFC 9110 §15: answers without a body. */
const hasNoBody = (status: number): boolean => status < 200 || status === 204 || status === 304

/**
 * Guards the head of an answer that is written past Fastify: where the policy does not let it be what it says, it
 * leaves as bytes. Nothing is thrown, since whoever writes it may not be able to catch.
 */
export function guardHead(raw: ServerResponse, policy: Policy): void {
  const writeHead = raw.writeHead.bind(raw) as WriteHead
  const guarded = (status: number, ...rest: unknown[]): ServerResponse => {
    // Node passes over a reason that is no text.
    const [reason, fields] = typeof rest[0] === 'string' ? rest : [undefined, rest[1] ?? rest[0]]
    if (!raw.headersSent) {
      for (const [name, value] of pairs(fields)) raw.setHeader(name, value)
      if (!hasNoBody(status)) {
        const { type, refused } = policy(raw.getHeader('content-type'))
        if (refused !== null) raw.setHeader('content-type', BYTES)
        else if (type !== null) raw.setHeader('content-type', type)
        raw.setHeader('x-content-type-options', 'nosniff')
      }
    }
    return typeof reason === 'string' ? writeHead(status, reason) : writeHead(status)
  }
  raw.writeHead = guarded as ServerResponse['writeHead']
}

type Field = [name: string, value: string | readonly string[]]

/** Node takes an object, a list of pairs, or one flat list. */
function pairs(fields: unknown): Field[] {
  if (typeof fields !== 'object' || fields === null) return []
  const entries: unknown[] = Array.isArray(fields) ? fields : Object.entries(fields)
  const flat = entries.every((entry) => Array.isArray(entry)) ? entries.flat(1) : entries
  const found = new Map<string, Field>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = String(flat[i])
    const value = flat[i + 1]
    if (value === undefined) continue
    const before = found.get(name.toLowerCase())?.[1]
    const values = [before ?? [], Array.isArray(value) ? value.map(String) : String(value)].flat()
    found.set(name.toLowerCase(), [name, values.length === 1 ? (values[0] as string) : values])
  }
  return [...found.values()]
}
