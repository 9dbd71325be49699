import type { ObjectSchema, RoomOptions, Schema } from '@portcullis/kernel'
import type { PgPool } from './pool.ts'

/** Options of the room. Sizes are counts, times are whole seconds. */
export interface SqlOptions extends RoomOptions {
  /** `postgres://role:password@host:port/database`, without parameters. */
  url?: string
  /**
   * A pool of `pg` instead of `url`, with limits of your own. Leave it to the room, which ends it: used directly, it passes no
   * gate.
   */
  pool?: PgPool
  /** The authorities, PEM, that may have issued the server's certificate; absent: those Node trusts. */
  ca?: string | Buffer
  /** Lets statements and the password travel in plaintext to another machine. */
  dangerouslyPlaintext?: boolean
  /** Connections at the same time, at most. */
  maxConnections?: number
  /** Seconds that a statement waits for a connection. */
  connectTimeout?: number
  /** Seconds that a statement may run on the server. */
  statementTimeout?: number
  /** Seconds that a transaction may wait for its next statement. */
  transactionTimeout?: number
  /** What the role may do, by table: `{ 'public.users': ['SELECT', 'UPDATE (email)'] }`. The app starts only if that is all. */
  rights: Readonly<Record<string, readonly string[]>>
  /** Tables that must have row-level security. */
  rowSecurity?: readonly string[]
}

const NAME = '[A-Za-z_][A-Za-z0-9_$]*'
const table = {
  type: 'string',
  pattern: `^${NAME}\\.${NAME}$`,
  title: 'a name with its schema, such as public.users',
  examples: ['public.users'],
}
const seconds = (byDefault: number, description: string): Schema => ({
  type: 'integer',
  minimum: 1,
  maximum: 3600,
  default: byDefault,
  description,
})

/** Strict JSON Schema of `SqlOptions`. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['rights'],
  properties: {
    url: {
      type: 'string',
      writeOnly: true,
      examples: ['postgres://app@127.0.0.1:5432/app'],
      description: '`postgres://role:password@host:port/database`, without parameters.',
    },
    pool: {
      accepts: ['object'],
      examples: [
        {
          connect: () => Promise.reject(new Error('give a pool of pg')),
          end: () => Promise.resolve(),
        } satisfies PgPool,
      ],
      description: 'A pool of `pg` instead of `url`, with limits of its own.',
    },
    ca: {
      accepts: ['string', 'Buffer'],
      examples: ['-----BEGIN CERTIFICATE-----'],
      description: "The authorities, PEM, that may have issued the server's certificate; absent: those Node trusts.",
    },
    dangerouslyPlaintext: {
      type: 'boolean',
      default: false,
      description: 'Lets statements and the password travel in plaintext to another machine.',
    },
    maxConnections: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: 'Connections at the same time, at most.',
    },
    connectTimeout: seconds(3, 'Seconds that a statement waits for a connection.'),
    statementTimeout: seconds(5, 'Seconds that a statement may run on the server.'),
    transactionTimeout: seconds(10, 'Seconds that a transaction may wait for its next statement.'),
    rights: {
      type: 'object',
      description:
        'What the role may do, by `schema.table`, and by `schema.routine` for EXECUTE on what acts with its owner’s rights. The app starts only if that is all.',
      examples: [{ 'public.users': ['SELECT', 'INSERT'] }],
      propertyNames: { pattern: table.pattern, title: table.title },
      additionalProperties: {
        type: 'array',
        description: 'Rights; `UPDATE (email)` is the right on a column.',
        examples: [['SELECT']],
        minItems: 1,
        uniqueItems: true,
        items: {
          type: 'string',
          pattern: `^(?:SELECT|INSERT|UPDATE|DELETE|TRUNCATE|EXECUTE)$|^(?:SELECT|INSERT|UPDATE) \\(${NAME}(?:, ${NAME})*\\)$`,
          title: "SELECT, INSERT, UPDATE, DELETE, TRUNCATE or EXECUTE, or one on columns, such as 'UPDATE (email)'",
          synonyms: { select: 'SELECT', insert: 'INSERT', update: 'UPDATE', delete: 'DELETE', execute: 'EXECUTE' },
          examples: ['SELECT'],
          description: 'A right.',
        },
      },
    },
    rowSecurity: {
      type: 'array',
      default: [],
      uniqueItems: true,
      description: 'Tables that must have row-level security.',
      items: { ...table, description: 'A table, as `schema.table`.' },
    },
  },
}
