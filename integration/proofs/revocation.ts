import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import auth, { revoke } from '@portcullis/auth'
import Fastify from 'fastify'
import { audience, issuer, pem, token } from '../../packages/auth/test/forge.ts'
import { RedisServer } from '@portcullis/testing/redis'
import type { Figure, Size } from '../proof.ts'

const iat = Math.floor(Date.now() / 1000) - 10
const tokenOf = (jti: string): string => token({ iat, jti })

/** Two processes and a Redis that is killed: what is revoked in one is refused in the other, and stays so. */
export async function prove(size: Size): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const policy of ['closed', 'open'] as const) figures.push(...(await act(policy, size === 'full' ? 200 : 5)))
  return figures
}

async function act(policy: 'closed' | 'open', revocations: number): Promise<Figure[]> {
  const server = await RedisServer.start()
  const app = Fastify()
  await app.register(auth, {
    jwt: { key: pem, algorithms: ['ES256'], issuer, audience },
    revocation: { redis: server.client(), onStoreError: policy },
  })
  await app.ready()
  const other = await Other.start(server.port, policy)
  try {
    let slowest = 0
    for (let index = 0; index < revocations; index++) {
      const given = tokenOf(`t-${index}`)
      if ((await other.ask(given)) !== 200) throw new Error('a good token is refused')
      const begun = performance.now()
      await revoke(app, { issuer, tokenId: `t-${index}` })
      await other.until(given, 401)
      slowest = Math.max(slowest, performance.now() - begun)
    }
    await server.kill()
    const good = tokenOf('good')
    const held = policy === 'closed' ? 503 : 200
    await other.until(good, held)
    const count = async (code: number): Promise<number> => {
      let counted = 0
      for (let index = 0; index < revocations; index++) if ((await other.ask(tokenOf(`t-${index}`))) === code) counted++
      return counted
    }
    const admittedAway = await count(200)
    await revoke(app, { issuer, tokenId: 'meanwhile' }).catch(() => {})
    await server.revive()
    const begun = performance.now()
    await other.until(tokenOf('meanwhile'), 401)
    const told = performance.now() - begun
    await other.until(good, 200)
    const late = await Other.start(server.port, policy)
    const admittedLate = (await late.ask(tokenOf('t-0'))) === 200 ? 1 : 0
    await late.stop()
    const none = (name: string, value: number): Figure => ({ name, figure: String(value), bound: '0', ok: value === 0 })
    return [
      {
        name: `${policy}: ${revocations} revocations seen by a second process, slowest`,
        figure: `${Math.ceil(slowest)} ms`,
        bound: 'at most 1000 ms',
        ok: slowest <= 1000,
      },
      {
        name: `${policy}: Redis killed, a good token is answered`,
        figure: String(held),
        bound: policy === 'closed' ? '503' : '200',
        ok: true,
      },
      none(`${policy}: Redis killed, of ${revocations} revoked tokens admitted`, admittedAway),
      none(`${policy}: Redis back and empty, of ${revocations} revoked tokens admitted`, await count(200)),
      {
        name: `${policy}: revoked during the outage, refused by the other process after`,
        figure: `${Math.ceil(told)} ms`,
        bound: 'at most 5000 ms',
        ok: told <= 5000,
      },
      none(`${policy}: a revoked token admitted by a process that starts afterwards`, admittedLate),
    ]
  } finally {
    await other.stop()
    await app.close()
    await server.stop()
  }
}

/** Another process of the same API. */
class Other {
  readonly #child: ChildProcess

  constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(port: number, onStoreError: 'closed' | 'open'): Promise<Other> {
    const argument = JSON.stringify({ port, key: pem, issuer, audience, onStoreError })
    const child = fork(new URL('../../packages/auth/test/revoking-process.ts', import.meta.url), [argument])
    await once(child, 'message')
    return new Other(child)
  }

  async ask(given: string): Promise<number> {
    this.#child.send(given)
    return (await once(this.#child, 'message'))[0] as number
  }

  async until(given: string, code: number): Promise<void> {
    for (let attempt = 0; (await this.ask(given)) !== code; attempt++) {
      if (attempt > 100_000) throw new Error(`the other process never answers ${code}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.disconnect()
    await gone
  }
}
