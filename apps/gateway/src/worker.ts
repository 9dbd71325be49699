import cluster from 'node:cluster'
import type { FastifyBaseLogger } from 'fastify'
import { completed } from './carried.ts'
import { type Code, closeCode, loadCode, NO_CODE } from './code.ts'
import { ConfigError } from './config-file.ts'
import { Gateway, loggerOf } from './gateway.ts'
import { type Answer, type Call, type CallName, type Calls, HEARS } from './worker-calls.ts'

let gateway: Gateway | undefined
let code: Code = NO_CODE
let logger: FastifyBaseLogger

function opened(): Gateway {
  if (gateway === undefined) throw new Error('this worker is not open')
  return gateway
}

const acts: { readonly [Name in CallName]: (given: Calls[Name]['given']) => Promise<Calls[Name]['gives']> } = {
  async open({ reading, module }) {
    code = await loadCode(module === undefined ? undefined : new URL(module))
    const { faults, name, extension } = code
    if (faults.length > 0) throw new ConfigError(name, faults)
    logger = loggerOf(reading.config)
    gateway = await Gateway.open(completed(reading, extension.options), logger, extension)
    return gateway.ports
  },
  prepare: (reading) => opened().prepare(completed(reading, code.extension.options)).then(nothing),
  proceed: () => opened().proceed().then(nothing),
  discard: () => opened().discard().then(nothing),
  revoke: (revoked) => opened().revoke(revoked).then(nothing),
  leave: () => opened().leave().then(nothing),
  async close() {
    await opened().close()
    await closeCode(code, logger)
    return null
  },
  isReady: () => opened().isReady(),
  snapshot: () => opened().snapshot(),
}

/** Fixes may hold what does not travel. */
const told = ({ path, message, route }: NonNullable<Answer['mistakes']>[number]) => ({
  path,
  message,
  ...(route === undefined ? {} : { route }),
})

const nothing = (): null => null

/** Where the first process has gone, nobody is told: `disconnect` follows. */
const answer = (given: Answer): void => void process.send?.(given, undefined, undefined, nothing)

process.on('message', ({ id, call, given }: Call) => {
  Promise.resolve()
    .then((): Promise<unknown> => acts[call](given as never))
    .then(
      (gives) => answer({ id, gives }),
      ({ message, mistakes }: Error & Pick<Answer, 'mistakes'>) =>
        answer({
          id,
          error: message,
          ...(mistakes === undefined ? {} : { mistakes: mistakes.map(told) }),
        }),
    )
})

answer({ id: HEARS })

// Whatever code has left open: nobody is answered any more. A pipe that breaks while it listens says so first.
process.once('disconnect', () => process.exit())
cluster.worker?.once('error', () => process.exit())

// Terminals and service managers send signals to all processes at once: the first process decides what becomes of each.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
