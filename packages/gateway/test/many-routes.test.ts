import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { GatewayRoute } from '../src/index.ts'
import { compileTemplate } from '../src/path.ts'
import { TemplateIndex } from '../src/template-index.ts'
import { stage, startBackend } from './stage.ts'

it('finds for a path the templates that match it, whatever the others are', () => {
  const texts = fc.constantFrom('a', 'b', 'aa', ':x', ':y')
  const templates = fc
    .tuple(fc.array(texts, { maxLength: 4 }), fc.boolean())
    .map(([segments, rest]) => `/${[...segments, ...(rest ? ['*'] : [])].join('/')}`)
  const paths = fc
    .array(fc.constantFrom('a', 'b', 'aa', 'c', ''), { maxLength: 5 })
    .map((segments) => `/${segments.join('/')}`)
  fc.assert(
    fc.property(fc.array(templates, { maxLength: 12 }), paths, (all, path) => {
      const index = new TemplateIndex<number>()
      for (const [at, template] of all.entries()) index.add(template, at)
      const matching = [...all.keys()].filter((at) => compileTemplate(all[at] as string).match(path) !== null)
      expect(index.find(path).toSorted((a, b) => a - b)).toEqual(matching)
    }),
    { numRuns: 2000 },
  )
})

it('opens thousands of routes, each with its own way', async () => {
  const { port, hits } = await startBackend((_request, response) => {
    response.writeHead(302, { location: '/api/1499/8/x' }).end()
  })
  const routes = Array.from({ length: 1500 }, (_, i): GatewayRoute => ({
    match: { method: ['GET', 'PUT'], path: `/r${i}/:id/x` },
    upstream: 'user-service',
    rewrite: `/api/${i}/:id/x`,
  }))
  const { app } = await stage(port, { routes })
  const answer = await app.inject('/r700/7/x')
  expect(hits.map(({ url }) => url)).toEqual(['/api/700/7/x'])
  expect(answer.headers.location).toBe('/r1499/8/x')
})
