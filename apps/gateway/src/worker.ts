import type { Config } from './config.ts'
import { Gateway, loggerOf } from './gateway.ts'
import type { Answer, Call, CallName, Calls } from './worker-calls.ts'

let gateway: Gateway | undefined

function opened(): Gateway {
  if (gateway === undefined) throw new Error('this worker is not open')
  return gateway
}

const acts: { readonly [Name in CallName]: (given: Calls[Name]['given']) => Promise<Calls[Name]['gives']> } = {
  async open(config) {
    gateway = await Gateway.open(config, loggerOf(config))
    return gateway.ports
  },
  prepare: (config) => opened().prepare(config).then(nothing),
  proceed: () => opened().proceed().then(nothing),
  discard: () => opened().discard().then(nothing),
  revoke: (revoked) => opened().revoke(revoked).then(nothing),
  leave: () => opened().leave().then(nothing),
  close: () => opened().close().then(nothing),
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

process.on('message', ({ id, call, given }: Call) => {
  const answer = (given_: Omit<Answer, 'id'>): void => void process.send?.({ id, ...given_ })
  Promise.resolve()
    .then((): Promise<unknown> => acts[call](given as Config & null))
    .then(
      (gives) => answer({ gives }),
      ({ message, mistakes }: Error & Pick<Answer, 'mistakes'>) =>
        answer({
          error: message,
          ...(mistakes === undefined ? {} : { mistakes: mistakes.map(told) }),
        }),
    )
})

// Terminals and service managers send signals to all processes at once: the first process decides what becomes of each.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
