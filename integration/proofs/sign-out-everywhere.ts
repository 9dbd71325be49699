import { type ChildProcess, fork } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import auth, { revoke, revokeSubject } from '@portcullis/auth'
import issuer, { publicKeys, refresh, signIn, signOutEverywhere } from '@portcullis/issuer'
import { RedisServer } from '@portcullis/testing/redis'
import Fastify from 'fastify'
import type { Figure, Size } from '../proof.ts'

const names = { issuer: 'https://id.example.com', audience: 'https://api.example.com' }

/** Who signs out everywhere in one process is refused in another, and stays so when Redis is killed and comes back. */
export async function prove(size: Size): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const policy of ['closed', 'open'] as const) figures.push(...(await act(policy, size === 'full' ? 100 : 5)))
  return figures
}

async function act(policy: 'closed' | 'open', users: number): Promise<Figure[]> {
  const server = await RedisServer.start()
  const app = Fastify()
  await app.register(issuer, {
    ...names,
    password: { memoryKiB: 8, passes: 1, dangerouslyCheapHashes: true },
    jwks: { security: { auth: false } },
    revoke: { token: (one) => revoke(app, one), subject: (one) => revokeSubject(app, one) },
  })
  await app.register(auth, {
    jwt: { ...names, algorithms: ['ES256'], jwks: () => publicKeys(app) },
    revocation: { redis: server.client(), onStoreError: policy },
  })
  await app.ready()
  const [key] = (JSON.parse(publicKeys(app)) as { keys: [JsonWebKey] }).keys
  const pem = createPublicKey({ key: key as never, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString()
  const argument = JSON.stringify({ port: server.port, key: pem, ...names, onStoreError: policy })
  const child = fork(new URL('../../packages/auth/test/revoking-process.ts', import.meta.url), [argument])
  await once(child, 'message')
  const ask = askerOf(child)

  /** Two sessions, one of them refreshed: three access tokens. */
  const signInTwice = async (subject: string): Promise<{ access: string[]; refreshToken: string }> => {
    const [one, other] = [await signIn(app, { subject }), await signIn(app, { subject })]
    if ('refusal' in one || 'refusal' in other) throw new Error('a sign-in is refused')
    const next = await refresh(app, one.refreshToken)
    if ('refusal' in next) throw new Error('a refresh is refused')
    return {
      access: [one, other, next].map(({ accessToken }) => accessToken),
      refreshToken: next.refreshToken,
    }
  }
  const count = async (tokens: readonly string[], status: number): Promise<number> => {
    let counted = 0
    for (const token of tokens) if ((await ask(token)) === status) counted++
    return counted
  }
  try {
    const gone: string[] = []
    let slowest = 0
    for (let user = 0; user < users; user++) {
      const { access } = await signInTwice(`user-${user}`)
      if ((await count(access, 200)) !== access.length) throw new Error('a good token is refused')
      const begun = performance.now()
      await signOutEverywhere(app, { subject: `user-${user}` })
      for (const token of access) await until(ask, token, 401)
      slowest = Math.max(slowest, performance.now() - begun)
      gone.push(...access)
    }
    const stays = await signInTwice('stays')
    const late = await signInTwice('late')
    await server.kill()
    const held = policy === 'closed' ? 503 : 200
    await until(ask, stays.access[0] as string, held)
    const admittedAway = await count(gone, 200)
    const done = await signOutEverywhere(app, { subject: 'late' })
    const told = 'refusal' in done ? done.refusal.code : `sessions ${done.sessions}, revoked ${String(done.revoked)}`
    const again = await refresh(app, late.refreshToken)
    await server.revive()
    const begun = performance.now()
    for (const token of late.access) await until(ask, token, 401)
    const took = performance.now() - begun
    await until(ask, stays.access[0] as string, 200)
    const admittedBack = await count([...gone, ...late.access], 200)
    const figure = (name: string, value: string | number, bound: string | number, ok: boolean): Figure => ({
      name: `${policy}: ${name}`,
      figure: String(value),
      bound: String(bound),
      ok,
    })
    return [
      figure(
        `${users} log-outs everywhere, of three tokens each, seen by a second process, slowest`,
        `${Math.ceil(slowest)} ms`,
        'at most 1000 ms',
        slowest <= 1000,
      ),
      figure('Redis killed, tokens of those admitted', admittedAway, 0, admittedAway === 0),
      figure(
        'Redis killed, a log-out everywhere says',
        told,
        'sessions 2, revoked false',
        told === 'sessions 2, revoked false',
      ),
      figure(
        'Redis killed, its refresh token afterwards',
        'refusal' in again ? again.refusal.code : 'a grant',
        'PTC_ISSUER_SESSION_ENDED',
        'refusal' in again && again.refusal.code === 'PTC_ISSUER_SESSION_ENDED',
      ),
      figure(
        'Redis back, that one refused by the other process after',
        `${Math.ceil(took)} ms`,
        'at most 5000 ms',
        took <= 5000,
      ),
      figure('Redis back and empty, tokens of ended sessions admitted', admittedBack, 0, admittedBack === 0),
    ]
  } finally {
    const exited = once(child, 'exit')
    child.disconnect()
    await exited
    await app.close()
    await server.stop()
  }
}

type Ask = (token: string) => Promise<number>

/** Asks the other process how it answers a token. */
function askerOf(child: ChildProcess): Ask {
  return async (token) => {
    child.send(token)
    return (await once(child, 'message'))[0] as number
  }
}

async function until(ask: Ask, token: string, status: number): Promise<void> {
  for (let attempt = 0; (await ask(token)) !== status; attempt++) {
    if (attempt > 100_000) throw new Error(`the other process never answers ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
