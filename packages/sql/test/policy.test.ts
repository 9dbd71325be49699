import { expect, it } from 'vitest'
import { compilePolicy } from '../src/policy.ts'

const rights = { 'public.posts': ['SELECT'] }
const of = (url: string, more: object = {}) => compilePolicy({ url, rights, ...more })

it('takes a URL apart, escapes included', () => {
  expect(of('postgres://a%40b:p%2Fw@127.0.0.1:6543/my%20app')).toMatchObject({
    host: '127.0.0.1',
    port: 6543,
    user: 'a@b',
    password: 'p/w',
    database: 'my app',
  })
})

it.each([
  ['postgres://app@127.0.0.1/app', {}, false],
  ['postgres://app@localhost/app', {}, false],
  ['postgres://app@[::1]/app', {}, false],
  ['postgres://app@db.internal/app', {}, { rejectUnauthorized: true, minVersion: 'TLSv1.2' }],
  ['postgres://app@127.0.0.1.example.com/app', {}, { rejectUnauthorized: true, minVersion: 'TLSv1.2' }],
  ['postgres://app@db.internal/app', { dangerouslyPlaintext: true }, false],
  ['postgres://app@127.0.0.1/app', { ca: 'pem' }, { rejectUnauthorized: true, minVersion: 'TLSv1.2', ca: 'pem' }],
  [
    'postgres://app@db.internal/app',
    { ca: 'pem', dangerouslyPlaintext: true },
    { rejectUnauthorized: true, minVersion: 'TLSv1.2', ca: 'pem' },
  ],
])('verifies the server of %s with %o as %o', (url, more, ssl) => {
  expect(of(url, more).ssl).toEqual(ssl)
})

it('writes every limit out', () => {
  expect(
    of('postgres://app@localhost/app', { statementTimeout: 5, transactionTimeout: 10, connectTimeout: 3 }),
  ).toMatchObject({
    max: 10,
    statement_timeout: 5000,
    idle_in_transaction_session_timeout: 10_000,
    connectionTimeoutMillis: 3000,
    query_timeout: 6000,
  })
})

it('takes a path for a socket in the file system, which speaks no TLS', () => {
  expect(of('postgres://app@%2Fvar%2Frun%2Fpostgresql/app')).toMatchObject({ host: '/var/run/postgresql', ssl: false })
})
