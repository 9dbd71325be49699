import { errors } from '../errors.ts'
import { AskedToWait, reachAuthority, type AcmeAccount, type AcmeAuthority } from './acme-authority.ts'
import { readChain, type Material } from './chain.ts'
import { openAcmeFolder, type AcmeFolder } from './acme-folder.ts'
import { renewalTime, retryDelay } from './schedule.ts'
import { reasonOf, type Source, type SourceContext } from './source.ts'

/**
 * Milliseconds that a start waits at most for failures before it: a process that is started again and again must not
 * use up what the authority allows (five failures an hour are usual), and whoever mended something should not wait long.
 */
const LONGEST_WAIT_AT_START = 15 * 60_000

/** What an ACME source needs. */
export interface AcmeSourceOptions extends AcmeAccount {
  /** Names to ask for, at least one. */
  hosts(): readonly string[]
  /** Where account and certificates are kept. */
  readonly folder: string
  /** Seconds before the first try after a failure. */
  readonly retryAfter: number
  /** Answers to HTTP-01 challenges (RFC 8555 §8.3), by token. */
  readonly challenges: Map<string, string>
}

/**
 * A certificate from an ACME authority, proved over HTTP-01 on the plaintext port and renewed at two thirds of its
 * lifetime. Without one on disk the server starts all the same, and refuses handshakes until the first has arrived:
 * a self-signed placeholder would only teach clients to accept anything.
 * @param reach reaches the authority; replaced in tests
 */
export function acmeSource(
  options: AcmeSourceOptions,
  reach: (account: AcmeAccount) => Promise<AcmeAuthority> = reachAuthority,
): Source {
  let context: SourceContext
  let authority: AcmeAuthority
  let folder: AcmeFolder
  let hosts: readonly string[] = []
  let cancel = (): void => {}
  let due = 0
  let failures = 0
  let listening = false
  let stopped = false
  let busy = false

  function plan(at: number): void {
    due = at
    if (stopped) return
    context.planned(at)
    cancel()
    // Before the port is open no challenge can be answered.
    if (listening) cancel = context.clock.after(at - context.clock.now(), () => void renew())
  }

  /** Offers what lies in the folder, and tells when it has to be renewed; undefined if there is nothing to serve. */
  async function offerKept(): Promise<number | undefined> {
    const pair = await folder.pair()
    const span = pair === undefined ? undefined : spanOf(pair)
    // What has expired is simply obtained anew.
    if (pair === undefined || span === undefined || span.notAfter <= context.clock.now()) return undefined
    const offer = context.offer(pair)
    return offer === 'replaced' || offer === 'same'
      ? renewalTime(span.notBefore, span.notAfter, context.random())
      : undefined
  }

  async function renew(): Promise<void> {
    if (busy || stopped) return
    busy = true
    try {
      // Another process may have renewed it.
      const kept = await offerKept()
      const at = kept !== undefined && kept > context.clock.now() ? kept : await obtain()
      if (failures > 0) void folder.keepFailure(undefined).catch(() => {})
      failures = 0
      plan(at)
    } catch (error) {
      failures++
      if (!stopped) context.failed(reasonOf(error))
      const asked = error instanceof AskedToWait ? error.ms : 0
      plan(context.clock.now() + retryDelay(failures, options.retryAfter * 1000, context.random(), asked))
      // A folder that cannot be written is told by the next try.
      void folder.keepFailure({ failures, next: due }).catch(() => {})
    } finally {
      busy = false
    }
  }

  async function obtain(): Promise<number> {
    const account = await folder.accountOr(() => authority.makeKey())
    const pair = await authority.issue(account, hosts, (token, answer) => {
      options.challenges.set(token, answer)
      return () => options.challenges.delete(token)
    })
    const span = spanOf(pair)
    if (span === undefined) throw new Error('the authority sent no certificate')
    if (stopped) return span.notAfter
    const offer = context.offer(pair)
    if (offer === 'rejected') throw new Error('the certificate that the authority sent was not taken')
    await folder.keepPair(pair)
    return renewalTime(span.notBefore, span.notAfter, context.random())
  }

  return {
    kind: 'acme',
    async start(given) {
      context = given
      hosts = options.hosts()
      if (hosts.length === 0)
        throw new errors.PTC_HTTPS_ACME_UNPROVABLE(
          'there is no name to ask for: hosts holds none',
          "acme: { hosts: ['api.example.com'], … }",
        )
      authority = await reach(options)
      folder = await openAcmeFolder(options.folder, options.directory, hosts)
      // Read now, so that a file that others can read fails boot.
      await folder.account()
      const at = (await offerKept()) ?? context.clock.now()
      const failure = await folder.failure()
      failures = failure?.failures ?? 0
      plan(Math.max(at, Math.min(failure?.next ?? at, context.clock.now() + LONGEST_WAIT_AT_START)))
    },
    listening() {
      if (listening) return
      listening = true
      plan(due)
    },
    stop() {
      stopped = true
      cancel()
    },
  }
}

function spanOf({ cert }: Material): { notBefore: number; notAfter: number } | undefined {
  try {
    const [leaf] = readChain(cert)
    return leaf && { notBefore: leaf.validFromDate.getTime(), notAfter: leaf.validToDate.getTime() }
  } catch {
    return undefined
  }
}
