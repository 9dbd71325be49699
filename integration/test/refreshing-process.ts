import issuer, { postgresStore, refresh, signIn } from '@portcullis/issuer'
import Fastify from 'fastify'
import pg from 'pg'

/** What one of several processes is to do with its issuer. */
export interface RefreshBurst {
  /** The token to refresh; null: sign in first, and say what came of it. */
  readonly token: string | null
  readonly requests: number
}

/** Each answer: successor and token identifier, or the code of its refusal. */
export type RefreshAnswers = readonly string[]

const [connectionString = '', secret = ''] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString, max: 10 })
const app = Fastify()
await app.register(issuer, {
  issuer: 'https://id.example.com',
  audience: 'https://api.example.com',
  store: postgresStore(pool),
  secret,
  password: { memoryKiB: 8, passes: 1, dangerouslyCheapHashes: true },
})
await app.ready()

const told = (answer: Awaited<ReturnType<typeof refresh>>): string => {
  if ('refusal' in answer) return answer.refusal.code
  const claims = Buffer.from(answer.accessToken.split('.')[1] ?? '', 'base64url').toString()
  return `${answer.refreshToken} ${String((JSON.parse(claims) as { jti: string }).jti)}`
}

process.on('message', ({ token, requests }: RefreshBurst) => {
  const asked =
    token === null
      ? signIn(app, { subject: 'racer' }).then((answer) => [told(answer)])
      : Promise.all(Array.from({ length: requests }, async () => told(await refresh(app, token))))
  void asked.then((answers) => process.send?.(answers satisfies RefreshAnswers))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
