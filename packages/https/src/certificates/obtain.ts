import type { RequestListener } from 'node:http'
import { acmeSource } from './acme-source.ts'
import { CHALLENGES } from './challenge-path.ts'
import { systemClock } from './clock.ts'
import { type CertificateFact, keep } from './keeper.ts'
import type { AcmeOptions } from './source-options.ts'

/** A key and its certificate with its intermediates, PEM. */
export interface Pair {
  readonly key: string
  readonly cert: string
}

/** What becomes of a certificate that is obtained. */
export interface Obtaining {
  /** Called with the pair on disk, and with each that takes its place. */
  readonly serve: (pair: Pair) => void
  /** What is told of it, with details: names, end, reason. */
  readonly tell: (fact: CertificateFact, detail: Readonly<Record<string, unknown>>) => void
}

/** A certificate that is kept for somebody else's servers. */
export interface Obtained {
  /** Answers challenges, and 404 to all else: to be reached as `/.well-known/acme-challenge/` on port 80 of each name. */
  readonly answer: RequestListener
  /** Says that `answer` is reached from now on: the first order may begin. */
  begin(): void
  stop(): void
}

/**
 * Obtains and renews a certificate by ACME for servers that are not in this app, or in other processes. One process at a
 * time does it for a folder.
 * @param hosts names to ask for
 * @throws PTC_HTTPS_ACME_UNPROVABLE, PTC_HTTPS_ACME_CLIENT_MISSING, PTC_HTTPS_KEY_EXPOSED
 */
export async function obtainCertificate(
  acme: Readonly<AcmeOptions>,
  hosts: readonly string[],
  { serve, tell }: Obtaining,
): Promise<Obtained> {
  const challenges = new Map<string, string>()
  const keeper = keep({
    servedFor: null,
    source: acmeSource({ directory: '', retryAfter: 60, ...acme, challenges, hosts: () => hosts }),
    initial: undefined,
    clock: systemClock,
    allowUntrusted: false,
    random: Math.random,
    hosts: () => hosts,
    strict: true,
    serve: ({ key, cert }) => serve({ key: String(key), cert: String(cert) }),
    tell,
  })
  await keeper.start()
  return {
    answer({ url = '' }, response) {
      const answer = url.startsWith(CHALLENGES) ? challenges.get(url.slice(CHALLENGES.length)) : undefined
      if (answer === undefined) return void response.writeHead(404, { connection: 'close' }).end()
      response.writeHead(200, { 'content-type': 'application/octet-stream', connection: 'close' }).end(answer)
    },
    begin: () => keeper.listening(),
    stop: () => keeper.stop(),
  }
}
