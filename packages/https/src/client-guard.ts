import { subscribe } from 'node:diagnostics_channel'
import type { ServerOptions } from 'node:https'
import type { Server, TLSSocket } from 'node:tls'
import { emit } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { serversOf, tlsOptionsOf } from './app-internals.ts'
import { judge, withoutCertificate, type Client, type ClientPolicy } from './client-certificates.ts'
import { events } from './events.ts'

/** Where a connection keeps what is known of its client; read through HTTP/2's stand-in for the socket, too. */
const CLIENT = Symbol('portcullis.client')

type Judged = TLSSocket & { [CLIENT]?: Client }

const policies = new WeakMap<object, ClientPolicy>()
let watching = false

/**
 * From now on every app that is made with these TLS options asks its clients for certificates, with the room or
 * without it: a list of names must not wait for a registration.
 */
export function demandCertificates(options: ServerOptions, policy: ClientPolicy): void {
  policies.set(options.SNICallback as object, policy)
  if (watching) return
  watching = true
  subscribe('fastify.initialization', (message) => {
    const { fastify } = message as { fastify: FastifyInstance }
    const found = clientPolicyOf(fastify)
    if (found !== undefined) guard(fastify, found)
  })
}

/** What an app asks of its clients; undefined if nothing. */
export function clientPolicyOf(app: FastifyInstance): ClientPolicy | undefined {
  const callback = tlsOptionsOf(app)?.SNICallback
  return callback === undefined ? undefined : policies.get(callback)
}

/** Whom a request's connection belongs to; one over the plaintext port (a proxy's) to nobody. */
export function clientOf(policy: ClientPolicy, socket: object): Client {
  const { [CLIENT]: known, getPeerX509Certificate } = socket as Partial<Judged>
  if (known !== undefined) return known
  return getPeerX509Certificate === undefined ? withoutCertificate(policy) : judge(policy, socket as TLSSocket)
}

function guard(app: FastifyInstance, policy: ClientPolicy): void {
  const refuse = (socket: TLSSocket, refused: string, detail: object): void =>
    emit(app, events['https.client-certificate-refused'], {
      outcome: 'denied',
      detail: { remoteAddress: socket.remoteAddress ?? null, refused, ...detail },
    })
  const guarded = new WeakSet<Server>()
  const attach = (): void => {
    for (const server of serversOf(app)) {
      if (guarded.has(server)) continue
      guarded.add(server)
      // HTTP would read what came with the handshake, though the socket is destroyed: it does not hear of it at all.
      const others = server.rawListeners('secureConnection') as ((socket: TLSSocket) => void)[]
      server.removeAllListeners('secureConnection')
      server.on('secureConnection', (socket: Judged) => {
        const client = judge(policy, socket)
        socket[CLIENT] = client
        if (client.refused === undefined) {
          for (const other of others) other.call(server, socket)
          return
        }
        refuse(socket, client.refused, client.detail)
        socket.destroy()
      })
      // What OpenSSL or Node refused before.
      server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
        const reason = socket.authorizationError as unknown
        if (error.code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') refuse(socket, 'missing', {})
        else if (typeof reason === 'string') refuse(socket, 'untrusted', { reason })
      })
    }
  }
  attach()
  app.addHook('onListen', (done) => {
    attach()
    done()
  })
}
