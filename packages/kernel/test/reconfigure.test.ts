import { defineRoom, reconfigure } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'

interface Says {
  says?: string
}

const says = { type: 'string', description: 'What is said.', default: 'nothing', minLength: 1 } as const
const optionsSchema = { type: 'object', additionalProperties: false, properties: { says } } as const
const routeSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { says: { type: 'string', description: 'What is said.', examples: ['nothing'] } },
} as const

/** Writes what its options say; `heard` is what the other says. */
const speaker = (concern: string, heeds: readonly string[] = [], reconfigurable = true) =>
  defineRoom<Says>({
    concern,
    optionsSchema,
    routeSchema,
    heeds,
    reconfigurable,
    setup: () => {
      let ready = 0
      return {
        compile: ({ says: text }, { heeded }) => ({
          onRequest(_, reply) {
            const heard = heeds.map((one) => String(heeded[one]?.['says'])).join()
            reply.header(`x-${concern}`, [text, heard, ready].join(' ').trim())
          },
        }),
        ready: async () => void ready++,
      }
    },
  })

const open: FastifyInstance[] = []

afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

function fresh(): FastifyInstance {
  const app = Fastify()
  open.push(app)
  return app
}

describe('reconfigure', () => {
  it('changes the rooms that heed the changed one, and no others', async () => {
    const app = fresh()
    await app.register(speaker('cors'), { says: 'old' })
    await app.register(speaker('headers', ['cors']), { says: 'h' })
    await app.register(speaker('audit'), { says: 'a' })
    app.get('/', async () => '')
    app.get('/own', { config: { security: { cors: { says: 'own' } } as object } }, async () => '')
    await app.ready()
    const told = async (url: string): Promise<unknown[]> => {
      const { headers } = await app.inject(url)
      return [headers['x-cors'], headers['x-headers'], headers['x-audit']]
    }
    expect(await told('/')).toEqual(['old  1', 'h old 1', 'a  1'])
    await reconfigure(app, 'cors', { says: 'new' })
    expect(await told('/')).toEqual(['new  2', 'h new 2', 'a  1'])
    expect(await told('/own')).toEqual(['own  2', 'h own 2', 'a  1'])
    expect(await told('/nowhere')).toEqual(['new  2', 'h new 2', 'a  1'])
  })

  it('keeps everything if one of the rooms cannot follow', async () => {
    const app = fresh()
    let fails = false
    const brittle = defineRoom<Says>({
      concern: 'headers',
      optionsSchema,
      heeds: ['cors'],
      setup: () => ({
        compile: () => ({}),
        ready: async () => {
          if (fails) throw new Error('cannot')
        },
      }),
    })
    await app.register(speaker('cors'), { says: 'old' })
    await app.register(brittle)
    app.get('/', async () => '')
    await app.ready()
    fails = true
    await expect(reconfigure(app, 'cors', { says: 'new' })).rejects.toThrow('cannot')
    expect((await app.inject('/')).headers['x-cors']).toMatch(/^old/)
    fails = false
    await reconfigure(app, 'cors', { says: 'newer' })
    expect((await app.inject('/')).headers['x-cors']).toMatch(/^newer/)
  })

  it('refuses rooms that keep what they opened at boot', async () => {
    const app = fresh()
    await app.register(speaker('cors', [], false))
    await app.ready()
    await expect(reconfigure(app, 'cors', {})).rejects.toMatchObject({ code: 'PTC_ROOM_NOT_RECONFIGURABLE' })
  })
})
