import { PLACEHOLDER } from './policy.ts'

/** The fields of one policy, ready to be written: constants, and the fields that hold nonces. */
export interface Fields {
  readonly names: readonly string[]
  readonly values: readonly string[]
  /** The fields with nonces, cut at each nonce. */
  readonly templates: readonly { readonly name: string; readonly parts: readonly string[] }[]
}

/** Fields that @fastify/helmet may have written; everything else in its answer is Fastify's. */
const known: ReadonlySet<string> = new Set([
  'content-security-policy',
  'content-security-policy-report-only',
  'cross-origin-embedder-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'origin-agent-cluster',
  'referrer-policy',
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
])

/** What of an answer is helmet's. */
export function helmetFields(answer: Readonly<Record<string, unknown>>): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer)) if (known.has(name)) fields[name] = String(value)
  return fields
}

/**
 * Cuts the fields into what is constant and what holds a nonce.
 * @param placeholder what stands for the nonce.
 */
export function compileFields(fields: Readonly<Record<string, string>>, placeholder: string = PLACEHOLDER): Fields {
  const names: string[] = []
  const values: string[] = []
  const templates: { name: string; parts: string[] }[] = []
  for (const [name, value] of Object.entries(fields)) {
    const parts = value.split(placeholder)
    if (parts.length > 1) templates.push({ name, parts })
    else {
      names.push(name)
      values.push(value)
    }
  }
  return { names, values, templates }
}

/** Puts a nonce into every gap. */
export function fill(parts: readonly string[], nonce: string): string {
  let value = parts[0] ?? ''
  for (let i = 1; i < parts.length; i++) value += nonce + parts[i]
  return value
}

/** Writes one policy's fields on one reply, and the nonce, if there is one, on its request. */
export type Write = (
  request: { readonly security: { cspNonce?: string } },
  reply: { header(name: string, value: string): unknown },
) => undefined

/** Prepares the writing: nothing is decided per request. */
export function writer({ names, values, templates }: Fields, nextNonce: () => string): Write {
  const count = names.length
  const constants: Write = (_request, reply) => {
    for (let i = 0; i < count; i++) reply.header(names[i] as string, values[i] as string)
  }
  if (templates.length === 0) return constants
  return (request, reply) => {
    const nonce = nextNonce()
    request.security.cspNonce = nonce
    for (const { name, parts } of templates) reply.header(name, fill(parts, nonce))
    constants(request, reply)
  }
}
