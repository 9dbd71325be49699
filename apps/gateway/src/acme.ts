import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { type AcmeOptions, obtainCertificate, type Obtained } from '@portcullis/security'
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from './config.ts'

const LEVELS = { replaced: 'info', failed: 'warn', expiring: 'warn', rejected: 'error', expired: 'error' } as const

/** What `listen.tls.acme` says; undefined: nothing. */
export function acmeOf({ listen: { tls } }: Config): AcmeOptions | undefined {
  return (tls as { acme?: AcmeOptions } | undefined)?.acme
}

/** The names to ask for: its own, or those of `https`. */
function namesFor(acme: AcmeOptions, { https }: Config): readonly string[] {
  const { hosts = [] } = https === undefined || https === false ? {} : https
  return acme.hosts ?? hosts.map((host) => host.replace(/:\d+$/, '')).filter((host) => !host.startsWith('*.'))
}

/**
 * The certificate that an authority gives this gateway. The first process alone has the account and orders: workers and
 * generations are given what it obtained, and hand on what the authority asks at the plaintext port.
 */
export class Acme {
  readonly #obtained: Obtained
  readonly #server: Server
  readonly #pair: () => object | undefined

  private constructor(obtained: Obtained, server: Server, pair: () => object | undefined) {
    this.#obtained = obtained
    this.#server = server
    this.#pair = pair
  }

  /**
   * @param renewed called with each certificate after the one on disk
   * @throws what the https room says of accounts, folders and names
   */
  static async open(config: Config, logger: FastifyBaseLogger, renewed: () => void): Promise<Acme | undefined> {
    const options = acmeOf(config)
    if (options === undefined) return undefined
    let pair: object | undefined
    let begun = false
    const obtained = await obtainCertificate(options, namesFor(options, config), {
      serve(given) {
        pair = given
        if (begun) renewed()
      },
      tell: (fact, detail) => logger[LEVELS[fact]]({ certificate: detail }, `gateway: certificate ${fact}`),
    })
    begun = true
    const server = createServer({ requestTimeout: 5_000, headersTimeout: 2_000 }, obtained.answer)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return new Acme(obtained, server, () => pair)
  }

  /** Whether there is something to show. */
  get hasCertificate(): boolean {
    return this.#pair() !== undefined
  }

  /** The first order may begin: the plaintext port answers. */
  begin(): void {
    this.#obtained.begin()
  }

  /** A reading as those who answer clients are given it. Without a certificate yet they refuse handshakes. */
  certified(config: Config): Config {
    const challenges = (this.#server.address() as AddressInfo).port
    const { acme, ...tls } = (config.listen.tls ?? {}) as { acme?: object }
    const pair = this.#pair()
    const certified = acme === undefined || pair === undefined ? config.listen.tls : { ...tls, ...pair }
    return {
      ...config,
      listen: { ...config.listen, challenges, ...(certified === undefined ? {} : { tls: certified }) },
    }
  }

  close(): void {
    this.#obtained.stop()
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
