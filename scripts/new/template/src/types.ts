import type {} from 'fastify'
import type { __Concern__Route } from './options.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** Policy of `@portcullis/__concern__` for this route, or `false`. */
    __camel__?: __Concern__Route | false
  }
}
