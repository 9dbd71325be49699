import { expect, it } from 'vitest'
import { breaksConnection, refusalOf } from '../src/failure.ts'

it.each([
  ['a unique violation', { code: '23505', severity: 'ERROR' }, false],
  ['a unique violation in German', { code: '23505', severity: 'FEHLER' }, false],
  ['a unique violation in Japanese', { code: '23505', severity: 'エラー' }, false],
  ['a time-out in French', { code: '57014', severity: 'ERREUR' }, false],
  ['the end of a session in Russian', { code: '57P01', severity: 'ВАЖНО' }, true],
  ['the end of an idle transaction in Russian', { code: '25P03', severity: 'ВАЖНО' }, true],
  ['the end of a session', { code: '57P01', severity: 'FATAL' }, true],
  ['an internal error', { code: 'XX000', severity: 'ERROR' }, false],
  ['a socket that broke', { code: 'ECONNRESET' }, true],
  ['a driver that waited too long', new Error('Query read timeout'), true],
])('gives the connection up after %s: %o %s', (_what, error, broken) => {
  expect(breaksConnection(error)).toBe(broken)
})

it.each([
  ['a syntax error of a statement', { code: '42601', severity: 'ERROR', file: 'scan.l' }, 500],
  ['a syntax error of a text search', { code: '42601', severity: 'ERROR', file: 'tsquery.c' }, 400],
  ['one row changed twice', { code: '21000', severity: 'ERROR' }, 400],
  ['a serialization failure', { code: '40001', severity: 'ERROR' }, 503],
  ['a deadlock', { code: '40P01', severity: 'ERROR' }, 503],
  ['a lock that is taken', { code: '55P03', severity: 'ERROR' }, 503],
  ['a foreign key', { code: '23503', severity: 'ERROR' }, 409],
  ['a missing value', { code: '23502', severity: 'ERROR' }, 400],
  ['a disk that is full', { code: '53100', severity: 'ERROR' }, 503],
  ['a missing table', { code: '42P01', severity: 'ERROR' }, 500],
  ['a value that the driver cannot write', new RangeError('Maximum call stack size exceeded'), 400],
  ['nothing', undefined, 503],
])('answers %s, %o, with %i', (_what, error, status) => {
  expect(refusalOf(error).status).toBe(status)
})
