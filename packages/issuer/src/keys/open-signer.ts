import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import type { OpenSigner } from './signing-keys.ts'

/** @fastify/jwt on an instance of its own that never listens: on the user's app its decorators would collide. */
export const openSigner: OpenSigner = async (privateKey, { kid, algorithm, publicKey }) => {
  const engine = Fastify()
  await engine.register(fastifyJwt, {
    secret: { private: privateKey, public: publicKey },
    // RFC 9068 §2.1: an access token says that it is one.
    sign: { algorithm, kid, header: { alg: algorithm, typ: 'at+jwt' } },
  })
  await engine.ready()
  return { sign: (claims) => engine.jwt.sign(claims), close: () => engine.close() }
}
