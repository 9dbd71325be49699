import { tlsServerOptions, type MadeTlsOptions, type TlsOptions } from '@portcullis/https'
import { serverOptions as kernelServerOptions, type SecureServerOptions } from '@portcullis/kernel'
import type { FastifyServerOptions } from 'fastify'

/** Options of `serverOptions()`: the kernel's, and `https` also as `tlsServerOptions()` takes it. */
export interface ServerOptions extends Omit<SecureServerOptions, 'https'> {
  /**
   * Key and certificate, as PEM or as files, or what `tlsServerOptions()` made of them; absent for an app behind a
   * proxy that ends TLS.
   */
  https?: TlsOptions | MadeTlsOptions
}

/**
 * Options for `Fastify()`: time-outs that fire, strict parsing, explicit trust, TLS, and problem bodies with security
 * fields on the answers that no hook sees.
 * @throws PTC_OPTIONS_INVALID and the errors of `tlsServerOptions()`
 * @example const app = Fastify(serverOptions({ trustProxy: ['10.0.0.0/8'] }))
 */
export function serverOptions({ https, ...options }: ServerOptions = {}): FastifyServerOptions {
  return kernelServerOptions(https === undefined ? options : { ...options, https: tlsServerOptions(https) })
}
