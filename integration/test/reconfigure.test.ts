import { reconfigure } from '@portcullis/cors'
import security from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'

const open: FastifyInstance[] = []

afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

it('new CORS options change the fields that follow them, on the whole house at once', async () => {
  const app = Fastify()
  open.push(app)
  await app.register(security, { cors: { origins: ['https://app.example.com'] } })
  app.get('/prices', async () => '')
  app.get('/own', { config: { security: { cors: { origins: ['https://own.example.com'] } } } }, async () => '')
  await app.ready()
  const fields = async (url: string): Promise<unknown[]> => {
    const { headers } = await app.inject({ url, headers: { origin: 'https://other.example.com' } })
    return [headers['access-control-allow-origin'], headers['cross-origin-resource-policy']]
  }
  expect(await fields('/prices')).toEqual([undefined, 'same-origin'])
  await reconfigure(app, { origins: ['*'] })
  expect(await fields('/prices')).toEqual(['*', 'cross-origin'])
  expect(await fields('/own')).toEqual([undefined, 'same-origin'])
  await expect(reconfigure(app, { origins: ['*'], credentials: true })).rejects.toThrow(/needs exact origins/)
  expect(await fields('/prices')).toEqual(['*', 'cross-origin'])
})
