import { Agent } from 'node:https'
import { errors } from '../errors.ts'

/** What an ACME account is made with. */
export interface AcmeAccount {
  readonly directory: string
  readonly email?: string
  readonly externalAccount?: { readonly keyId: string; readonly hmacKey: string }
  /** Certificates that vouch for the directory, PEM; absent: the system's. */
  readonly ca?: string | Buffer
}

/** A certificate authority that speaks ACME (RFC 8555). */
export interface AcmeAuthority {
  makeKey(): Promise<string>
  /**
   * Obtains one certificate for all hosts, with a key of its own.
   * @param prove makes `/.well-known/acme-challenge/<token>` answer with the given text; returns what ends that
   */
  issue(
    accountKey: string,
    hosts: readonly string[],
    prove: (token: string, answer: string) => () => void,
  ): Promise<{ key: string; cert: string }>
}

/** Thrown when the authority asked to be left alone for a while (RFC 8555 §6.6). */
export class AskedToWait extends Error {
  readonly ms: number
  constructor(status: number, seconds: number) {
    super(`the authority answered ${status} and asked to wait ${seconds} s`)
    this.ms = seconds * 1000
  }
}

type Acme = typeof import('acme-client')

/** Milliseconds until a request to the authority counts as failed. */
const DEADLINE = 30_000

/**
 * Reaches an authority through the package `acme-client`, which only those install who use ACME.
 * @throws PTC_HTTPS_ACME_CLIENT_MISSING
 */
export async function reachAuthority(
  account: AcmeAccount,
  load: () => Promise<unknown> = () => import('acme-client'),
): Promise<AcmeAuthority> {
  let acme: Acme
  try {
    acme = (await load()) as Acme
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new errors.PTC_HTTPS_ACME_CLIENT_MISSING()
  }
  prepareRequests(acme, account)
  const { directory, email, externalAccount } = account
  return {
    makeKey: async () => String(await acme.crypto.createPrivateEcdsaKey('P-256')),
    async issue(accountKey, hosts, prove) {
      const client = new acme.Client({
        directoryUrl: directory,
        accountKey,
        ...(externalAccount === undefined
          ? {}
          : { externalAccountBinding: { kid: externalAccount.keyId, hmacKey: externalAccount.hmacKey } }),
        backoffAttempts: 15,
        backoffMin: 500,
        backoffMax: 10_000,
      })
      // RFC 8555 §7.3.1: an account is found by its key. With an address it is found too, and told that address.
      if (email !== undefined || !(await isKnown(client))) {
        await client.createAccount({
          termsOfServiceAgreed: true,
          ...(email === undefined ? {} : { contact: [`mailto:${email}`] }),
        })
      }
      const order = await client.createOrder({ identifiers: hosts.map((value) => ({ type: 'dns', value })) })
      for (const authorization of await client.getAuthorizations(order)) {
        if (authorization.status === 'valid') continue
        const challenge = authorization.challenges.find(({ type }) => type === 'http-01')
        if (challenge === undefined)
          throw new Error(`the authority offers no HTTP-01 for ${authorization.identifier.value}`)
        const end = prove(challenge.token, await client.getChallengeKeyAuthorization(challenge))
        try {
          await client.completeChallenge(challenge)
          await client.waitForValidStatus(challenge)
        } finally {
          end()
        }
      }
      const [key, csr] = await acme.crypto.createCsr(
        { altNames: [...hosts] },
        await acme.crypto.createPrivateEcdsaKey('P-256'),
      )
      const finalized = await client.finalizeOrder(order, csr)
      return { key: String(key), cert: await client.getCertificate(finalized) }
    },
  }
}

/** acme-client would tell a known account nothing new, which authorities refuse (RFC 8555 §7.3.2). */
async function isKnown(client: InstanceType<Acme['Client']>): Promise<boolean> {
  try {
    await client.createAccount({ onlyReturnExisting: true })
    return true
  } catch (error) {
    if (error instanceof AskedToWait) throw error
    return false
  }
}

const prepared = new Set<string>()

/** acme-client has one axios instance for all its clients: only requests to this directory's origin are touched. */
function prepareRequests(acme: Acme, { directory, ca }: AcmeAccount): void {
  const { origin } = new URL(directory)
  const known = `${origin} ${String(ca)}`
  if (prepared.has(known)) return
  prepared.add(known)
  const agent = new Agent(ca === undefined ? {} : { ca })
  let unreached: Error | undefined
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (...given) => connect(...given)?.once('error', (error: Error) => (unreached = error))
  const ours = (url: string | undefined): boolean =>
    url !== undefined && URL.canParse(url) && new URL(url).origin === origin
  acme.axios.interceptors.request.use((config) => {
    if (!ours(config.url)) return config
    config.timeout = DEADLINE
    config.httpsAgent = agent
    unreached = undefined
    // It would wait inside, with timers that keep the process alive: retries are ours, and spaced over hours.
    Object.assign(config, { retryAttempt: Number.POSITIVE_INFINITY })
    return config
  })
  acme.axios.interceptors.response.use(
    (response) => {
      const seconds = Number(response.headers['retry-after'])
      if (ours(response.config.url) && (response.status === 429 || response.status === 503) && seconds > 0) {
        throw new AskedToWait(response.status, Math.min(seconds, 86_400))
      }
      return response
    },
    (error: unknown) => {
      // Where there is no answer, acme-client stumbles over that, and loses why.
      if (!(error instanceof TypeError) || unreached === undefined) throw error
      throw new Error(`the authority cannot be reached: ${unreached.message}`)
    },
  )
}
