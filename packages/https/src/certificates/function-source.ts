import type { Material } from './chain.ts'
import { retryDelay } from './schedule.ts'
import { reasonOf, type Source, type SourceContext } from './source.ts'

/** Milliseconds after which a call that has not answered counts as failed. */
const DEADLINE = 30_000
/** Milliseconds before the first try after a failure. */
const FIRST_RETRY = 10_000

/**
 * Certificates from a function of the user's: a secret manager, a sidecar, a database.
 * @param load called at boot and then every `refresh` seconds; what it returns is served only if it differs and is good
 */
export function functionSource(load: () => unknown, refresh: number): Source {
  let context: SourceContext
  let cancel = (): void => {}
  let stopped = false
  let failures = 0

  async function fetch(): Promise<void> {
    const material: unknown = await beforeDeadline(context, Promise.resolve().then(load))
    if (stopped) return
    const { key, cert, passphrase } = (material ?? {}) as Partial<Record<keyof Material, unknown>>
    if (!isPem(key) || !isPem(cert)) throw new Error('load() returned no { key, cert }')
    context.offer({ key, cert, ...(typeof passphrase === 'string' ? { passphrase } : {}) })
  }

  function plan(ms: number): void {
    if (stopped) return
    context.planned(context.clock.now() + ms)
    cancel = context.clock.after(ms, () => void again())
  }

  async function again(): Promise<void> {
    try {
      await fetch()
      failures = 0
      plan(refresh * 1000)
    } catch (error) {
      failures++
      if (!stopped) context.failed(reasonOf(error))
      plan(Math.min(refresh * 1000, retryDelay(failures, FIRST_RETRY, context.random())))
    }
  }

  return {
    kind: 'function',
    async start(given) {
      context = given
      try {
        await fetch()
      } catch (error) {
        context.failed(reasonOf(error))
        return
      }
      plan(refresh * 1000)
    },
    stop() {
      stopped = true
      cancel()
    },
  }
}

const isPem = (value: unknown): value is string | Buffer => typeof value === 'string' || Buffer.isBuffer(value)

function beforeDeadline<T>({ clock }: SourceContext, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(DEADLINE, () => reject(new Error(`load() did not answer within ${DEADLINE / 1000} s`)))
    promise.then(resolve, reject).finally(cancel)
  })
}
