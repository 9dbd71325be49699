import auth, { type JwtOptions } from '@portcullis/auth'
import Fastify, { type FastifyInstance } from 'fastify'
import { official as officialApp } from '../../packages/auth/test/apps.ts'
import { audience, issuer, rsa, verifiers } from '../../packages/auth/test/forge.ts'
import { ALGORITHMS, type Attacked, goodFor, type Hostile, hostileTo } from '../../packages/auth/test/hostile-tokens.ts'
import { IdentityProvider } from '../../packages/auth/test/identity-provider.ts'
import type { Figure } from '../proof.ts'

/** How a server answered a corpus. */
interface Tally {
  /** Hostile tokens that were let in. */
  accepted: number
  /** Hostile tokens answered 5xx. */
  failed: number
  /** Refusals without WWW-Authenticate. */
  unchallenged: number
  /** Good tokens that were not let in. */
  refused: number
}

/** Hostile tokens and the good ones beside them, against our room and against @fastify/jwt with its hardest options. */
export async function prove(): Promise<Figure[]> {
  const figures: Figure[] = []
  const rows: (readonly (string | number)[])[] = []
  let different = 0
  for (const algorithm of ALGORITHMS) {
    const hostile = hostileTo(algorithm)
    different += hostile.length
    const provider = await publishing(algorithm)
    const servers = {
      'this room': await guarded(algorithm, { key: verifiers[algorithm] }),
      // A secret is never published.
      ...(algorithm === 'HS256' ? {} : { 'this room, keys fetched': await guarded(algorithm, keysAt(provider)) }),
      '@fastify/jwt': await official(algorithm),
    }
    for (const [name, app] of Object.entries(servers)) {
      // Whoever fetches keys knows only those that are published.
      const good = goodFor(algorithm).filter((one) => one.name !== 'a long kid' || !name.endsWith('fetched'))
      const { accepted, failed, unchallenged, refused } = await tally(app, hostile, good)
      rows.push([algorithm, name, hostile.length, accepted, failed, unchallenged, good.length, refused])
      if (name !== '@fastify/jwt') {
        const title = `${algorithm}, ${name}, ${hostile.length} hostile tokens:`
        figures.push(
          figure(`${title} accepted`, accepted),
          figure(`${title} answered 5xx`, failed),
          figure(`${title} refused without a challenge`, unchallenged),
          figure(`${algorithm}, ${name}, ${good.length} good tokens: refused`, refused),
        )
      }
      await app.close()
    }
    await provider.stop()
  }
  const head = ['server of', 'by', 'hostile', 'accepted', '5xx', 'without challenge', 'good', 'refused']
  process.stdout.write(`${[head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`)
  return [
    { name: 'hostile tokens', figure: String(different), bound: 'at least 1000', ok: different >= 1000 },
    ...figures,
  ]
}

/** An issuer that publishes the key of an algorithm. */
async function publishing(algorithm: Attacked): Promise<IdentityProvider> {
  const provider = await IdentityProvider.start()
  const publicKey = verifiers[algorithm]
  if (typeof publicKey !== 'string') provider.keys = [{ kid: 'key-1', publicKey, privateKey: rsa.privateKey }]
  return provider
}

const keysAt = ({ jwks, ca }: IdentityProvider): JwtOptions => ({ jwks, ca })

function figure(name: string, value: number): Figure {
  return { name, figure: String(value), bound: '0', ok: value === 0 }
}

async function tally(app: FastifyInstance, hostile: readonly Hostile[], good: readonly Hostile[]): Promise<Tally> {
  const counts: Tally = { accepted: 0, failed: 0, unchallenged: 0, refused: 0 }
  const ask = (token: string) => app.inject({ url: '/any', headers: { authorization: `Bearer ${token}` } })
  for (const { token } of hostile) {
    const { statusCode, headers } = await ask(token)
    if (statusCode < 400) counts.accepted++
    if (statusCode >= 500) counts.failed++
    if (statusCode >= 400 && headers['www-authenticate'] === undefined) counts.unchallenged++
  }
  for (const { token } of good) if ((await ask(token)).statusCode !== 200) counts.refused++
  return counts
}

async function guarded(algorithm: Attacked, keys: JwtOptions): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(auth, { jwt: { ...keys, algorithms: [algorithm], issuer, audience } })
  app.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
  await app.ready()
  return app
}

/** With every option that it has for this. */
function official(algorithm: Attacked): Promise<FastifyInstance> {
  const key = verifiers[algorithm]
  return officialApp(typeof key === 'string' ? key : { public: key.export({ type: 'spki', format: 'pem' }) }, {
    algorithms: [algorithm],
    allowedIss: issuer,
    allowedAud: audience,
    requiredClaims: ['iss', 'aud', 'sub', 'exp'],
    checkTyp: 'at+jwt',
  })
}
