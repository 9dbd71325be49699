import { memoryStore } from '../src/index.ts'
import { smallest } from './stage.ts'

type Json = Record<string, unknown>

const cheap = { memoryKiB: 8, passes: 1, dangerouslyCheapHashes: true }
const durable = { ...memoryStore(), durable: true }

/** Options that are wrong, with the rule that they break and where. */
export const mistakes: readonly (readonly [rule: string, path: string, options: Json])[] = [
  ['required', 'issuer', {}],
  ['pattern', 'issuer', { ...smallest, issuer: 'http://id.example.com' }],
  ['pattern', 'issuer', { ...smallest, issuer: 'https://id.example.com?tenant=1' }],
  ['pattern', 'issuer', { ...smallest, issuer: 'id.example.com' }],
  ['required', 'audience', { issuer: smallest.issuer }],
  ['minLength', 'audience', { ...smallest, audience: '' }],
  ['type', 'audience', { ...smallest, audience: ['a'] }],
  ['additionalProperties', 'audiance', { issuer: smallest.issuer, audiance: 'https://api.example.com' }],
  ['minLength', 'clientId', { ...smallest, clientId: '' }],
  ['type', 'accessTokenLifetime', { ...smallest, accessTokenLifetime: '5m' }],
  ['maximum', 'accessTokenLifetime', { ...smallest, accessTokenLifetime: 86_400 }],
  ['minimum', 'accessTokenLifetime', { ...smallest, accessTokenLifetime: 0 }],
  ['type', 'refreshToken.idle', { ...smallest, refreshToken: { idle: 1.5 } }],
  ['idle-beyond-absolute', 'refreshToken.idle', { ...smallest, refreshToken: { idle: 2000, absolute: 1000 } }],
  ['maximum', 'refreshToken.grace', { ...smallest, refreshToken: { grace: 3600 } }],
  ['additionalProperties', 'refreshToken.lifetime', { ...smallest, refreshToken: { lifetime: 3600 } }],
  ['minimum', 'maxSessions', { ...smallest, maxSessions: 0 }],
  ['enum', 'keys.algorithm', { ...smallest, keys: { algorithm: 'HS256' } }],
  ['enum', 'keys.algorithm', { ...smallest, keys: { algorithm: 'none' } }],
  ['minimum', 'keys.rotateAfter', { ...smallest, keys: { rotateAfter: 1 } }],
  ['published-too-late', 'keys.publishAhead', { ...smallest, keys: { publishAhead: 60 } }],
  ['rotated-too-early', 'keys.rotateAfter', { ...smallest, keys: { rotateAfter: 3600 } }],
  ['pattern', 'jwks.path', { ...smallest, jwks: { path: 'jwks.json' } }],
  ['pattern', 'jwks.path', { ...smallest, jwks: { path: '/:any' } }],
  ['minimum', 'password.minLength', { ...smallest, password: { minLength: 6 } }],
  ['minimum', 'password.maxLength', { ...smallest, password: { maxLength: 20 } }],
  ['additionalProperties', 'password.requireDigit', { ...smallest, password: { requireDigit: true } }],
  ['cheap-hashes', 'password.memoryKiB', { ...smallest, password: { memoryKiB: 4096 } }],
  ['cheap-hashes', 'password.memoryKiB', { ...smallest, password: { passes: 1 } }],
  ['memory-below-lanes', 'password.memoryKiB', { ...smallest, password: { ...cheap, lanes: 2 } }],
  ['minimum', 'password.concurrency', { ...smallest, password: { concurrency: 0 } }],
  ['accepts', 'store', { ...smallest, store: 'memory' }],
  ['store-unusable', 'store', { ...smallest, store: {} }],
  ['secret-missing', 'secret', { ...smallest, store: durable }],
  ['secret-weak', 'secret', { ...smallest, secret: 'short' }],
  ['secret-weak', 'secret', { ...smallest, secret: 'a'.repeat(64) }],
  ['secret-weak', 'secret', { ...smallest, secret: Buffer.alloc(32) }],
  ['accepts', 'account', { ...smallest, account: 'users' }],
  ['accepts', 'revoke.token', { ...smallest, revoke: { token: true } }],
]
