import type { Finding, ObjectSchema } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'

/** Which account a request tries to sign in to: a field of the body, or a function. */
export type LoginAccount = { readonly body: string } | ((request: FastifyRequest) => string | null)

/** Options of a route that checks passwords, codes or other secrets that can be guessed. */
export interface LoginGuardOptions {
  /** Which account a request tries. Case, width, accents, spaces and invisible characters make no difference. */
  account: LoginAccount
  /** The guard's name: routes that use the same name share its counts. Default `login`. */
  name?: string
  /** Failures of one address at one account before delays begin. Default 5. */
  perPair?: number
  /** Failures at one account, from wherever, before delays begin. Default 20. */
  perAccount?: number
  /** Failures of one address, at whatever accounts, before delays begin. Default 50. */
  perAddress?: number
  /** Seconds in which so many failures are forgotten, evenly. Default 900. */
  window?: number
  /** How long the next attempt has to wait. */
  delay?: {
    /** Seconds after the last free failure; twice as long after each further one. Default 1. */
    first?: number
    /** Seconds at most. Default 900. */
    longest?: number
  }
  /** Seconds for which an address that has signed in to an account is not held by what others fail there; 0: never. Default 2592000. */
  trust?: number
}

/** JSON Schema of a login guard. */
export const loginGuardSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['account'],
  description:
    'Holds off whoever guesses secrets: reserves each attempt before the handler, gives it back when it succeeds, and delays after failures.',
  examples: [{ account: { body: 'email' } }],
  properties: {
    account: {
      accepts: ['function', 'object'],
      title: "{ body: 'email' } or a function",
      additionalProperties: false,
      required: ['body'],
      properties: {
        body: {
          type: 'string',
          minLength: 1,
          maxLength: 64,
          description: 'Field of the body that names the account.',
          examples: ['email'],
        },
      },
      description:
        'The account that a request tries: `{ body: field }`, or a function `(request) => string | null`. Spellings of one account are one.',
      examples: [{ body: 'email' }],
    },
    name: {
      type: 'string',
      title: 'a name of letters, digits, ".", "_" and "-"',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$',
      default: 'login',
      description: 'Routes that use the same name share the counts.',
    },
    perPair: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 5,
      description: 'Failures of one address at one account before delays begin.',
    },
    perAccount: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 20,
      description: 'Failures at one account, from wherever, before delays begin.',
    },
    perAddress: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      default: 50,
      description: 'Failures of one address, at whatever accounts, before delays begin.',
    },
    window: {
      type: 'integer',
      minimum: 1,
      maximum: 2_592_000,
      default: 900,
      description: 'Seconds in which so many failures are forgotten, evenly.',
    },
    delay: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'How long the next attempt has to wait.',
      properties: {
        first: {
          type: 'integer',
          minimum: 1,
          maximum: 86_400,
          default: 1,
          description: 'Seconds after the last free failure; twice as long after each further one.',
        },
        longest: {
          type: 'integer',
          minimum: 1,
          maximum: 86_400,
          default: 900,
          description: 'Seconds at most.',
        },
      },
    },
    trust: {
      type: 'integer',
      minimum: 0,
      maximum: 31_536_000,
      default: 2_592_000,
      description:
        'Seconds for which an address that has signed in to an account is not held by what others fail there; 0: never.',
    },
  },
} as const satisfies ObjectSchema

/** Options with the schema's defaults. */
export type CompleteLoginGuard = Required<Omit<LoginGuardOptions, 'delay'>> & {
  readonly delay: Required<NonNullable<LoginGuardOptions['delay']>>
}

const { properties } = loginGuardSchema
const { first, longest } = properties.delay.properties

/** Fills in the schema's defaults: a route's policy comes without. */
export function completeLoginGuard(given: Readonly<LoginGuardOptions>): CompleteLoginGuard {
  return {
    account: given.account,
    name: given.name ?? properties.name.default,
    perPair: given.perPair ?? properties.perPair.default,
    perAccount: given.perAccount ?? properties.perAccount.default,
    perAddress: given.perAddress ?? properties.perAddress.default,
    window: given.window ?? properties.window.default,
    delay: { first: given.delay?.first ?? first.default, longest: given.delay?.longest ?? longest.default },
    trust: given.trust ?? properties.trust.default,
  }
}

const AsyncFunction = (async () => {}).constructor

/** Rules between the fields of a login guard. */
export function loginGuardFindings(given: Readonly<LoginGuardOptions> | undefined): Finding[] {
  if (given === undefined) return []
  const found: Finding[] = []
  const { account, delay } = completeLoginGuard(given)
  if (delay.first > delay.longest) {
    const written = given.delay?.longest === undefined ? 'first' : 'longest'
    const value = written === 'first' ? delay.longest : delay.first
    found.push({
      at: `/loginGuard/delay/${written}`,
      rule: 'first-within-longest',
      message: `leaves the first delay longer than the longest; write ${written}: ${value}`,
      fix: [{ op: 'replace', path: `/loginGuard/delay/${written}`, value }],
    })
  }
  if (typeof account === 'function' && account instanceof AsyncFunction) {
    found.push({
      at: '/loginGuard/account',
      rule: 'synchronous-account',
      message: "must return a string or null, not a promise; write account: { body: 'email' }",
      fix: [{ op: 'replace', path: '/loginGuard/account', value: { body: 'email' } }],
    })
  }
  return found
}
