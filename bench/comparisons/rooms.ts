import Fastify, { type FastifyInstance } from 'fastify'
import { bare, type Comparison, constant, type Setup } from '../comparison.ts'

const QUOTA = { limit: 1_000_000, window: 10 }

type Rooms = Partial<Record<'headers' | 'cors' | 'fixed' | 'bucket' | 'csrf' | 'auth', true>>

/** Ours with some of its rooms: what each one adds. */
const withRooms =
  (rooms: Rooms) =>
  async ({ publicKey, issuer, audience, origin }: Setup): Promise<FastifyInstance> => {
    const { default: headers } = await import('@portcullis/headers')
    const { default: cors } = await import('@portcullis/cors')
    const { default: rateLimit } = await import('@portcullis/rate-limit')
    const { default: csrf } = await import('@portcullis/csrf')
    const { default: auth } = await import('@portcullis/auth')
    const app = Fastify()
    if (rooms.headers) await app.register(headers)
    if (rooms.cors) await app.register(cors, { origins: [origin], credentials: true })
    if (rooms.fixed) await app.register(rateLimit, { policies: [{ name: 'per-ip', ...QUOTA }] })
    if (rooms.bucket)
      await app.register(rateLimit, { policies: [{ name: 'per-ip', algorithm: 'token-bucket', ...QUOTA }] })
    if (rooms.csrf) await app.register(csrf, { origins: [origin] })
    if (rooms.auth) await app.register(auth, { jwt: { key: publicKey, issuer, audience, algorithms: ['ES256'] } })
    return app
  }

const comparison: Comparison = {
  title: 'what each room adds',
  bare: 'bare Fastify',
  official: 'ours',
  constantOf: 'ours',
  subjects: {
    'bare Fastify': bare,
    'kernel without rooms': withRooms({}),
    headers: withRooms({ headers: true }),
    cors: withRooms({ cors: true }),
    'rate-limit, fixed window': withRooms({ fixed: true }),
    'rate-limit, token bucket': withRooms({ bucket: true }),
    csrf: withRooms({ csrf: true }),
    'ours: auth alone': withRooms({ auth: true }),
    'ours with a token bucket': withRooms({ headers: true, cors: true, bucket: true, auth: true }),
    ours: withRooms({ headers: true, cors: true, fixed: true, auth: true }),
    'only the constant fields': ({ constantFields }) => constant(constantFields),
  },
}
export default comparison
