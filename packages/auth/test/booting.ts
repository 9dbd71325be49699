import type { Operation } from '@portcullis/testing/patch'
import Fastify from 'fastify'
import { expect } from 'vitest'
import auth, { type AuthOptions } from '../src/index.ts'

export interface Refused {
  readonly code: string
  readonly mistakes: readonly {
    readonly path: string
    readonly rule: string
    readonly message: string
    readonly fix: readonly Operation[]
    readonly route?: string
  }[]
}

export async function boot(options: unknown, route?: unknown): Promise<void> {
  const app = Fastify()
  try {
    await app.register(auth, options as AuthOptions)
    app.get('/', { config: { security: { auth: (route ?? false) as false } } }, async () => '')
    app.get('/docs/json', async () => '')
    await app.ready()
  } finally {
    await app.close()
  }
}

export async function refusalOf(options: unknown, route?: unknown): Promise<Refused> {
  return boot(options, route).then(
    () => expect.fail('it booted'),
    (error: unknown) => error as Refused,
  )
}
