import { expect, it } from 'vitest'
import type { GatewayRoute } from '../src/index.ts'
import { type Asked, FOUND } from './documents.ts'
import { MORE } from './documents-more.ts'
import { stage, startBackend } from './stage.ts'

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

it.each([...FOUND, ...MORE])('a document with $what is held to', async ({ allowed, forbidden, ...document }) => {
  const { port, hits } = await startBackend()
  const routes = Object.entries(document.paths).flatMap(([path, item]): GatewayRoute[] => {
    const { $ref } = item as { $ref?: string }
    const holder = $ref === undefined ? item : (document.components as { pathItems: { A: object } }).pathItems.A
    const method = METHODS.filter((one) => one in holder).map((one) => one.toUpperCase()) as 'GET'[]
    const base = document.servers === undefined ? '' : '/v3'
    return [{ match: { method, path: base + path.replaceAll(/\{(\w+)\}/g, ':$1') }, upstream: 'user-service' }]
  })
  const { app } = await stage(port, { routes, options: { openapi: { openapi: '3.1.1', ...document } } })
  const statusOf = async ([method, url, body, type = 'application/json']: Asked): Promise<number> => {
    const payload =
      typeof body === 'string' && (type !== 'application/json' || body.startsWith('{')) ? body : JSON.stringify(body)
    const sent = body === undefined ? {} : { payload, headers: { 'content-type': type } }
    return (await app.inject({ method: method as 'GET', url, ...sent })).statusCode
  }
  for (const asked of allowed) expect([asked, await statusOf(asked)]).toEqual([asked, 200])
  expect(hits).toHaveLength(allowed.length)
  for (const asked of forbidden) expect([asked, [400, 415].includes(await statusOf(asked))]).toEqual([asked, true])
  expect(hits).toHaveLength(allowed.length)
})
