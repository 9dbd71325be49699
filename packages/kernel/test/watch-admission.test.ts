import Fastify, { type FastifyRequest } from 'fastify'
import { describe, expect, it } from 'vitest'
import { type AdmissionEnd, type Steps, watchAdmission } from '../src/index.ts'
import { marking } from './rooms.ts'

/** A request of a route that rooms watch, and what they say later. */
async function stage(steps: Record<string, Steps>, options: object = {}) {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line) => void lines.push(line) } } })
  for (const [concern, one] of Object.entries(steps))
    app.register(
      marking(concern, () => one),
      options,
    )
  let seen: FastifyRequest | undefined
  app.get('/', async (request) => {
    seen = request
  })
  await app.inject('/')
  return { request: seen as FastifyRequest, lines }
}

/** A room that ends what it watches when the test says so. */
function watching() {
  const ends: ((why: AdmissionEnd) => void)[] = []
  let stopped = 0
  const steps: Steps = {
    watch(_request, ended) {
      ends.push(ended)
      return () => void stopped++
    },
  }
  return { steps, end: (why: AdmissionEnd = 'revoked') => ends.forEach((one) => one(why)), stopped: () => stopped }
}

describe('a request that stays', () => {
  it('is ended once, by whichever room says so first, and then by none', async () => {
    const [auth, csrf] = [watching(), watching()]
    const { request } = await stage({ auth: auth.steps, csrf: csrf.steps })
    const ended: AdmissionEnd[] = []
    watchAdmission(request, (why) => void ended.push(why))
    expect(ended).toEqual([])
    csrf.end('unavailable')
    auth.end('expired')
    csrf.end()
    expect([ended, auth.stopped(), csrf.stopped()]).toEqual([['unavailable'], 1, 1])
  })

  it('is ended at once where it is over already, and the rooms are let go', async () => {
    const csrf = watching()
    const auth: Steps = {
      watch(_request, ended) {
        ended('expired')
        return undefined
      },
    }
    const { request } = await stage({ csrf: csrf.steps, auth })
    let ended = 0
    watchAdmission(request, () => void ended++)
    expect([ended, csrf.stopped()]).toEqual([1, 1])
  })

  it('is ended by nobody once its holder has stopped', async () => {
    const auth = watching()
    const { request } = await stage({ auth: auth.steps })
    let ended = 0
    watchAdmission(request, () => void ended++)()
    auth.end()
    expect([ended, auth.stopped()]).toEqual([0, 1])
  })

  it('is not ended by a room that only reports', async () => {
    const auth = watching()
    const { request } = await stage({ auth: auth.steps }, { reportOnly: true })
    let ended = 0
    watchAdmission(request, () => void ended++)
    auth.end()
    expect(ended).toBe(0)
  })

  it('harms no other when what ends it throws', async () => {
    const auth = watching()
    const { request, lines } = await stage({ auth: auth.steps })
    let ended = 0
    watchAdmission(request, () => {
      throw new Error('the socket has burnt')
    })
    watchAdmission(request, () => void ended++)
    auth.end()
    expect(ended).toBe(1)
    expect(lines.join('')).toContain('the socket has burnt')
  })

  it('is watched by nobody in an app without rooms', async () => {
    const { request } = await stage({})
    expect(() => watchAdmission(request, () => {})()).not.toThrow()
  })
})
