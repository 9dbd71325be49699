import type { Finding } from '@portcullis/kernel'
import type { SqlOptions } from './options.ts'

/** How a pool is opened: what `pg` takes, every limit written out. */
export interface PoolSettings {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  readonly ssl:
    | false
    | { readonly rejectUnauthorized: true; readonly minVersion: 'TLSv1.2'; readonly ca?: string | Buffer }
  readonly max: number
  readonly connectionTimeoutMillis: number
  readonly statement_timeout: number
  readonly idle_in_transaction_session_timeout: number
  readonly query_timeout: number
  readonly application_name: string
}

const EXAMPLE = 'postgres://app@127.0.0.1:5432/app'
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/

function parsed(url: string): URL | undefined {
  const made = URL.canParse(url) ? new URL(url) : undefined
  const whole = made !== undefined && made.hostname !== '' && made.pathname.length > 1 && made.username !== ''
  return whole && /^postgres(?:ql)?:$/.test(made.protocol) ? made : undefined
}

function isPool({ connect, end }: { connect?: unknown; end?: unknown }): boolean {
  return typeof connect === 'function' && typeof end === 'function'
}

/** What `pg` does without `connectionTimeoutMillis`: while every connection is taken, a request hangs. */
function waitsForEver({ options }: { options?: { connectionTimeoutMillis?: unknown } }): boolean {
  return options !== undefined && !(Number(options.connectionTimeoutMillis) > 0)
}

/** Rules between options. */
export function check(options: Readonly<SqlOptions>): Finding[] {
  // Mistakes are told all at once: `rights` may be missing.
  const { url, pool, rights, rowSecurity = [] } = options as Partial<SqlOptions>
  const findings: Finding[] = []
  if (url === undefined && pool === undefined)
    findings.push({
      at: '/url',
      rule: 'no-database',
      message: `is missing; write url: '${EXAMPLE}'`,
      fix: [{ op: 'add', path: '/url', value: EXAMPLE }],
    })
  if (url !== undefined && pool !== undefined)
    findings.push({
      at: '/url',
      rule: 'two-databases',
      message: 'is given beside `pool`; remove it',
      fix: [{ op: 'remove', path: '/url' }],
    })
  else if (url !== undefined) findings.push(...checkUrl(url))
  if (pool !== undefined) findings.push(...checkPool(pool, url === undefined))
  for (const [at, name] of rowSecurity.entries())
    if (!Object.hasOwn(rights ?? {}, name))
      findings.push({
        at: `/rowSecurity/${at}`,
        rule: 'no-rights',
        message: 'names a table without an entry in `rights`; remove it, or add its rights',
        // The later ones first: removing one moves those behind it.
        fix: [{ op: 'remove', path: `/rowSecurity/${at}` }],
      })
  return findings.toReversed()
}

function checkPool(pool: object, alone: boolean): Finding[] {
  const url = { op: 'add', path: '/url', value: EXAMPLE } as const
  const fix = [{ op: 'remove', path: '/pool' } as const, ...(alone ? [url] : [])]
  if (!isPool(pool))
    return [
      { at: '/pool', rule: 'no-pool', message: 'is no pool of `pg`; write pool: new pg.Pool(…), or url instead', fix },
    ]
  if (!waitsForEver(pool)) return []
  const message = 'waits for a connection for ever; give it connectionTimeoutMillis: 3000, or write url instead'
  return [{ at: '/pool', rule: 'pool-waits', message, fix }]
}

function checkUrl(url: string): Finding[] {
  const made = parsed(url)
  if (made === undefined)
    return [
      {
        at: '/url',
        rule: 'no-url',
        message:
          'is no address of a PostgreSQL database with a role; write postgres://role:password@host:port/database',
        fix: [{ op: 'replace', path: '/url', value: EXAMPLE }],
      },
    ]
  if (made.search === '' && made.hash === '') return []
  made.search = ''
  made.hash = ''
  return [
    {
      at: '/url',
      rule: 'url-parameters',
      message: 'has parameters, which could switch off what this room switches on (sslmode, options); remove them',
      fix: [{ op: 'replace', path: '/url', value: made.href }],
    },
  ]
}

/** How the pool is opened. */
export function compilePolicy(options: Readonly<SqlOptions>): PoolSettings {
  const url = parsed(options.url ?? '') ?? new URL(EXAMPLE)
  const { ca, dangerouslyPlaintext, maxConnections, connectTimeout, statementTimeout, transactionTimeout } = options
  const host = decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1'))
  // A path is a socket in the file system: `postgres://app@%2Fvar%2Frun%2Fpostgresql/app`. It speaks no TLS.
  const local = LOOPBACK.test(host) || host.startsWith('/')
  const plaintext = ca === undefined && (local || dangerouslyPlaintext === true)
  const verified = { rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const
  const milliseconds = (seconds = 1): number => seconds * 1000
  return Object.freeze({
    host,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ssl: plaintext ? false : ca === undefined ? verified : { ...verified, ca },
    max: maxConnections ?? 10,
    connectionTimeoutMillis: milliseconds(connectTimeout),
    statement_timeout: milliseconds(statementTimeout),
    idle_in_transaction_session_timeout: milliseconds(transactionTimeout),
    // For a server that says nothing at all, its own limit neither.
    query_timeout: milliseconds(statementTimeout) + 1000,
    application_name: 'portcullis',
  })
}
