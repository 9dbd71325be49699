import type { ObjectSchema, Schema } from '@portcullis/kernel'
import { type KeySets, openKeySets } from '../keys/key-sets.ts'
import { JWT_SYNONYMS } from './synonyms.ts'
import { type Algorithm, ALGORITHMS, EXAMPLE_PUBLIC_KEY, type KeyMaterial } from './verification-key.ts'

export type { Algorithm, KeyMaterial }

/** One issuer whose tokens are accepted. Exactly one of `key`, `jwks` and `discovery` says where its keys are. */
export interface IssuerOptions {
  /** `iss` of every token, exactly. */
  issuer?: string
  /** What `aud` of every token is or contains: this API's name. */
  audience?: string
  /** The issuer's public key (PEM, DER as Buffer, KeyObject), or the shared secret of HS256, at least 32 random bytes. */
  key?: KeyMaterial
  /**
   * URL of the issuer's keys (JWKS, RFC 7517), https. For an issuer in this process a function that tells them, as JSON
   * text: `() => publicKeys(app)`.
   */
  jwks?: string | (() => string)
  /** Find the keys through `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery). */
  discovery?: boolean
  /** Algorithms of one family that a token may be signed with. Required with `key`; else `['RS256']`. */
  algorithms?: Algorithm[]
  /** `typ` header of every token, compared without case and without `application/`; `absent`: it has none. Default: `at+jwt`. */
  tokenType?: string
  /** Claim that names the audience. Default: `aud`. */
  audienceClaim?: string
  /** Claim that names the caller. Default: `sub`; `client_id` or `azp` for machines whose tokens have none. */
  subjectClaim?: string
  /**
   * Claim that holds the scopes, or the names on the way to it: `['authorization', 'scopes']`.
   * Default: `scope`, else `scp`, else `scopes`.
   */
  scopesClaim?: string | readonly string[]
  /** Claim that holds the roles, a list of names, or the way to it: `['realm_access', 'roles']`. Default: `roles`. */
  rolesClaim?: string | readonly string[]
  /** Claims that every token must have, with their values. */
  claims?: Readonly<Record<string, string>>
  /** Certificates (PEM) of the authority that the issuer's server is checked against. Default: those of Node. */
  ca?: string
  /** Fetch keys over plain http, from this machine only: for development. Default: false. */
  dangerouslyAllowHttp?: boolean
}

/** Tokens that are accepted: of one issuer, or of several. */
export interface JwtOptions extends IssuerOptions {
  /** Several issuers. What one leaves out is taken from beside the list. */
  issuers?: IssuerOptions[]
  /** Seconds by which the clocks of issuer and server may differ. Default: 5. */
  clockTolerance?: number
  /** Longest token, in bytes. Default: 8192. */
  maxTokenBytes?: number
  /** Verified tokens remembered, so that each is verified once; 0 remembers none. Default: 10000. */
  cacheSize?: number
  /** Seconds after which fetched keys are fetched again at the latest: a removed key is refused by then. Default: 600. */
  jwksMaxAge?: number
  /** Seconds for which known keys are used while the issuer's server is away. Default: 86400. */
  jwksMaxStale?: number
  /** Where fetched keys are kept, if they are to outlive the app: `openKeySets()`. Default: a place of its own. */
  keySets?: KeySets
  /** Milliseconds since the epoch. Default: `Date.now`. */
  clock?: () => number
}

/** The smallest `jwt` that is accepted. */
export const EXAMPLE_JWT = {
  key: EXAMPLE_PUBLIC_KEY,
  algorithms: ['ES256'],
  issuer: 'https://id.example.com',
  audience: 'https://api.example.com',
} as const satisfies { algorithms: readonly Algorithm[] } & Omit<IssuerOptions, 'algorithms'>

const claimName = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
} as const

/** Schema of a claim's place, without its description. */
export const claimPlace: Schema = {
  accepts: ['string', 'array'],
  minLength: 1,
  maxLength: 255,
  minItems: 1,
  maxItems: 8,
  items: { ...claimName, examples: ['roles'] },
}

const ofOneIssuer = {
  issuer: {
    description: '`iss` of every token, exactly.',
    type: 'string',
    minLength: 1,
    examples: [EXAMPLE_JWT.issuer],
  },
  audience: {
    description: 'What `aud` of every token is or contains: this API’s name.',
    type: 'string',
    minLength: 1,
    examples: [EXAMPLE_JWT.audience],
  },
  key: {
    description:
      'The issuer’s public key (PEM, DER as Buffer, KeyObject), or the shared secret of HS256, at least 32 random bytes.',
    accepts: ['string', 'Buffer', 'KeyObject'],
    writeOnly: true,
    examples: [EXAMPLE_PUBLIC_KEY],
  },
  jwks: {
    description:
      'URL of the issuer’s keys (JWKS, RFC 7517), https; for an issuer in this process a function that tells them, as JSON text.',
    accepts: ['string', 'function'],
    minLength: 1,
    examples: ['https://id.example.com/.well-known/jwks.json'],
  },
  discovery: {
    description: 'Find the keys through `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery).',
    type: 'boolean',
    examples: [true],
  },
  algorithms: {
    description: 'Algorithms of one family that a token may be signed with; required with `key`, else `RS256`.',
    type: 'array',
    items: { type: 'string', enum: ALGORITHMS, examples: ['ES256'] },
    minItems: 1,
    uniqueItems: true,
    examples: [['ES256']],
  },
  tokenType: {
    description:
      '`typ` header of every token, compared without case and without `application/`; `absent`: it has none.',
    type: 'string',
    title: 'a media type such as at+jwt or JWT, or absent',
    pattern: '^[A-Za-z0-9][A-Za-z0-9!#$&^_.+/-]{0,126}$',
    examples: ['at+jwt'],
  },
  audienceClaim: { ...claimName, description: 'Claim that names the audience.', examples: ['aud'] },
  subjectClaim: {
    ...claimName,
    description: 'Claim that names the caller; `client_id` or `azp` for machines whose tokens have no `sub`.',
    examples: ['sub'],
  },
  scopesClaim: {
    ...claimPlace,
    description:
      'Claim that holds the scopes, or a list of the names on the way to it; absent: `scope`, else `scp`, else `scopes`.',
    examples: ['scope'],
  },
  rolesClaim: {
    ...claimPlace,
    description:
      "Claim that holds the roles, a list of names, or the way to it (`['realm_access', 'roles']`); absent: `roles`.",
    examples: ['roles'],
  },
  claims: {
    description: 'Claims that every token must have, with their values.',
    type: 'object',
    additionalProperties: { type: 'string', description: 'The value.', examples: ['access'] },
    examples: [{ token_use: 'access' }],
  },
  ca: {
    description: 'Certificates (PEM) of the authority that the issuer’s server is checked against; absent: Node’s.',
    type: 'string',
    title: 'certificates in PEM',
    pattern: '^\\s*-----BEGIN CERTIFICATE-----',
    examples: ['-----BEGIN CERTIFICATE-----\n…'],
  },
  dangerouslyAllowHttp: {
    description: 'Fetch keys over plain http, from this machine only: for development.',
    type: 'boolean',
    examples: [false],
  },
} as const

/** Schema of `jwt`. */
export const jwtSchema: ObjectSchema = {
  type: 'object',
  description: 'Tokens that are accepted: of one issuer, or of several.',
  additionalProperties: false,
  synonyms: JWT_SYNONYMS,
  properties: {
    ...ofOneIssuer,
    tokenType: { ...ofOneIssuer.tokenType, default: 'at+jwt' },
    audienceClaim: { ...ofOneIssuer.audienceClaim, default: 'aud' },
    subjectClaim: { ...ofOneIssuer.subjectClaim, default: 'sub' },
    issuers: {
      description: 'Several issuers; what one leaves out is taken from beside the list.',
      type: 'array',
      minItems: 1,
      maxItems: 64,
      items: {
        type: 'object',
        additionalProperties: false,
        synonyms: JWT_SYNONYMS,
        properties: ofOneIssuer,
        examples: [EXAMPLE_JWT],
      },
      examples: [[EXAMPLE_JWT]],
    },
    clockTolerance: {
      description: 'Seconds by which the clocks of issuer and server may differ.',
      type: 'integer',
      minimum: 0,
      maximum: 300,
      default: 5,
    },
    maxTokenBytes: {
      description: 'Longest token, in bytes.',
      type: 'integer',
      minimum: 256,
      maximum: 65536,
      default: 8192,
    },
    cacheSize: {
      description: 'Verified tokens remembered, so that each is verified once; 0 remembers none.',
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: 10_000,
    },
    jwksMaxAge: {
      description:
        'Seconds after which fetched keys are fetched again at the latest: a removed key is refused by then.',
      type: 'integer',
      minimum: 60,
      maximum: 86_400,
      default: 600,
    },
    jwksMaxStale: {
      description: 'Seconds for which known keys are used while the issuer’s server is away.',
      type: 'integer',
      minimum: 0,
      maximum: 604_800,
      default: 86_400,
    },
    keySets: {
      description: 'Where fetched keys are kept, if they are to outlive the app; absent: a place of its own.',
      accepts: ['object'],
      title: 'a place of `openKeySets()`',
      examples: [openKeySets()],
    },
    clock: {
      description: 'Milliseconds since the epoch; absent: `Date.now`.',
      accepts: ['function'],
      examples: [Date.now],
    },
  },
}
