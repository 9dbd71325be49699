import audit from '@portcullis/audit'
import auth from '@portcullis/auth'
import cors from '@portcullis/cors'
import csrf from '@portcullis/csrf'
import gateway from '@portcullis/gateway'
import headers from '@portcullis/headers'
import https from '@portcullis/https'
import issuer from '@portcullis/issuer'
import type { RoomPlugin } from '@portcullis/kernel'
import rateLimit from '@portcullis/rate-limit'
import sql from '@portcullis/sql'
import throttle from '@portcullis/throttle'
import validation from '@portcullis/validation'
import xss from '@portcullis/xss'
import type { FastifyPluginAsync } from 'fastify'

/** One room as `security` installs it. */
export interface Installable {
  readonly plugin: FastifyPluginAsync<object>
  readonly definition: RoomPlugin
  /** Whether an absent key installs the room with its defaults. */
  readonly byDefault: boolean
}

const ROOM = Symbol.for('portcullis.room')

function installable(plugin: unknown, byDefault = false): Installable {
  const definition = (plugin as Record<symbol, RoomPlugin>)[ROOM] as RoomPlugin
  return { plugin: plugin as FastifyPluginAsync<object>, definition, byDefault }
}

/** Every room, by its key in the options. The order in which they act is the kernel's. */
export const rooms: Readonly<Record<string, Installable>> = {
  audit: installable(audit, true),
  headers: installable(headers, true),
  https: installable(https),
  cors: installable(cors),
  validation: installable(validation),
  throttle: installable(throttle),
  rateLimit: installable(rateLimit),
  csrf: installable(csrf),
  auth: installable(auth),
  issuer: installable(issuer),
  gateway: installable(gateway),
  sql: installable(sql),
  xss: installable(xss),
}
