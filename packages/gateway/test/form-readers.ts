import multipart from '@fastify/multipart'
import Fastify, { type FastifyInstance } from 'fastify'
import { Response } from 'undici'
import { onTestFinished } from 'vitest'

/** What a reader makes of a part: its name, whether it is a file, its bytes in Latin-1. */
export type Entry = readonly [name: string, file: boolean, bytes: string]

/** Reads a form as a service would; null: it refuses it. */
export type FormReader = (bytes: Buffer, contentType: string) => Promise<readonly Entry[] | null>

/** As browsers do, and whoever has `fetch`. */
export const byFetch: FormReader = async (bytes, contentType) => {
  try {
    const form = await new Response(bytes, { headers: { 'content-type': contentType } }).formData()
    return await Promise.all(
      [...form].map(async ([name, value]): Promise<Entry> => {
        if (typeof value === 'string') return [name, false, Buffer.from(value).toString('latin1')]
        return [name, true, Buffer.from(await value.arrayBuffer()).toString('latin1')]
      }),
    )
  } catch {
    return null
  }
}

/** As services on Fastify do: with busboy. */
export async function byBusboy(): Promise<FormReader> {
  const app = Fastify() as FastifyInstance
  onTestFinished(() => app.close())
  await app.register(multipart)
  app.post('/', async (request) => {
    const entries: Entry[] = []
    for await (const part of request.parts()) {
      if (part.type === 'file') entries.push([part.fieldname, true, (await part.toBuffer()).toString('latin1')])
      // With `application/json`, it hands over what it has parsed.
      else if (typeof part.value === 'string') {
        entries.push([part.fieldname, false, Buffer.from(part.value).toString('latin1')])
      } else entries.push([part.fieldname, false, JSON.stringify(part.value)])
    }
    return entries
  })
  return async (payload, contentType) => {
    const answer = await app.inject({ method: 'POST', url: '/', headers: { 'content-type': contentType }, payload })
    return answer.statusCode === 200 ? answer.json<Entry[]>() : null
  }
}
