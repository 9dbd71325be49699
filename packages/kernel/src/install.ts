import './ticks.ts'
import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ServerHttp2Session } from 'node:http2'
import { Compiler } from './compile.ts'
import type { Chain } from './chain.ts'
import { continueLate } from './continue.ts'
import { rememberFailure } from './defaults.ts'
import { logChains } from './describe.ts'
import { answerExpectations, answerOnEveryAddress } from './early.ts'
import { admitMethods, guardSessions, limitArrival, limitFirstVersion } from './http2-sessions.ts'
import { internal } from './internal.ts'
import { errors } from './kernel-errors.ts'
import { recordRoutes } from './record.ts'
import { runners } from './run.ts'
import { settingsOf } from './server-options.ts'
import { PROTOCOL, STATE, stateOf, type State } from './state.ts'

// Fastify publishes every new instance here, before any plugin, hook or route: what is placed now comes first.
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  if (stateOf(fastify) === undefined) install(fastify)
})

function install(app: FastifyInstance): void {
  const state: State = {
    protocol: PROTOCOL,
    root: app,
    settings: settingsOf(app),
    defaultErrorHandler: app.errorHandler,
    records: [],
    registrations: new Map(),
    failures: [],
    listeners: new Map(),
    bodies: new WeakMap(),
    notFound: new Map(),
    active: false,
    closing: false,
    lookup: undefined,
    replace: (scope, concern, options) => compiler.replace(scope, concern, options),
  }
  Object.defineProperty(app, STATE, { value: state })

  const compiler = new Compiler(state)
  const run = runners(
    state,
    (request) => compiler.notFound(request),
    () => unrecorded(compiler, state),
  )
  app.addHook('onRoute', recordRoutes(state))
  listenCarefully(state)
  app.addHook('onRequest', run.onRequest)
  app.addHook('preParsing', run.preParsing)
  app.addHook('preValidation', run.preValidation)
  app.addHook('preHandler', run.preHandler)
  app.addHook('onSend', run.onSend)
  app.addHook('onError', rememberFailure(state))
  app.addHook('onReady', async () => {
    await compiler.run()
    if (!state.active) return
    answerExpectations(state)
    continueLate(app.server)
    logChains(state)
  })
  app.addHook('onListen', (done) => {
    if (state.active) answerOnEveryAddress(state)
    done()
  })
  app.addHook('preClose', (done) => {
    state.closing = true
    done()
  })
  app.decorateReply('hijack', hijack)
}

/** What `serverOptions()` promised: forwarding fields that are settled, and HTTP/2 sessions that end. */
function listenCarefully({ root, settings }: State): void {
  if (settings === undefined) return
  const { forwarding, http2 } = settings
  forwarding.warnTo(root.log)
  root.addHook('onRequest', (request, _reply, done) => {
    forwarding.settle(request.raw)
    done()
  })
  if (http2 === undefined) return
  const sessions = new Set<ServerHttp2Session>()
  guardSessions(root.server, http2, sessions)
  limitFirstVersion(root.server, http2)
  admitMethods(root.server)
  root.addHook('onRequest', limitArrival(http2))
  // Node 22 leaves them open when its server closes, and the app would wait for their clients (RFC 9113 §6.8). Connections of a
  // server that does not listen are somebody else's: another app may answer them from then on.
  root.addHook('preClose', (done) => {
    if (root.server.listening) for (const session of sessions) session.close()
    done()
  })
  // For localhost there is a second server.
  root.addHook('onListen', (done) => {
    for (const server of (internal(root, 'fastify.serverBindings') ?? []) as object[]) {
      guardSessions(server, http2, sessions)
      limitFirstVersion(server, http2)
      admitMethods(server)
    }
    done()
  })
}

/** A route without a record is refused, after what decorates answers. */
function unrecorded(compiler: Compiler, state: State): Chain {
  const chain = compiler.notFoundIn(state.root)
  return { ...chain, onRequest: [...chain.onRequest.slice(0, chain.decorating), () => errors.PTC_ROUTE_UNRECORDED] }
}

/** A hijacked reply leaves with the fields that the chain wrote. */
function hijack(this: FastifyReply): FastifyReply {
  let inherited: { hijack: () => FastifyReply } = this
  while (inherited.hijack === hijack) inherited = Object.getPrototypeOf(inherited) as typeof inherited
  inherited.hijack.call(this)
  if (!this.raw.headersSent) {
    for (const [name, value] of Object.entries(this.getHeaders())) {
      if (value !== undefined && !this.raw.hasHeader(name)) this.raw.setHeader(name, value as string)
    }
  }
  return this
}
