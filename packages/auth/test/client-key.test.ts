import { copied, patched } from '@portcullis/testing/patch'
import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { boot, refusalOf } from './booting.ts'
import { audience, es256, issuer, rsa } from './forge.ts'

const base = { endpoint: 'https://id.example.com/introspect', clientId: 'orders-api', audience }
const keyed = { ...base, issuer, clientAuthentication: 'private_key_jwt', clientKey: es256.privateKey }
const { issuer: _issuer, ...nameless } = keyed
const { clientKey: _key, ...keyless } = keyed

it.each<[string, string, string, object]>([
  ['no secret', 'clientSecret', 'required', base],
  ['no key', 'clientKey', 'required', keyless],
  ['nobody to prove itself to', 'issuer', 'required', nameless],
  ['a secret beside the key', 'clientSecret', 'needless-credential', { ...keyed, clientSecret: 'a' }],
  [
    'a key beside the secret',
    'clientKey',
    'needless-credential',
    { ...base, clientSecret: 'a', clientKey: es256.privateKey },
  ],
  ['the name of no key', 'clientKeyId', 'needless-credential', { ...base, clientSecret: 'a', clientKeyId: 'a' }],
  ['a public key', 'clientKey', 'unusable-key', { ...keyed, clientKey: es256.publicKey }],
  ['a secret as a key', 'clientKey', 'unusable-key', { ...keyed, clientKey: 'hunter2-hunter2-hunter2-hunter2' }],
  [
    'another curve',
    'clientKey',
    'unusable-key',
    { ...keyed, clientKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey },
  ],
  [
    'a short RSA key',
    'clientKey',
    'unusable-key',
    { ...keyed, clientKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey },
  ],
  ['a number for a key', 'clientKey', 'accepts', { ...keyed, clientKey: 7 }],
])('a client with %s does not boot, and the fix does', async (_name, path, rule, introspection) => {
  const refused = await refusalOf({ introspection })
  expect(refused.mistakes.map((one) => [one.path, one.rule])).toEqual([[`introspection.${path}`, rule]])
  expect((refused as unknown as Error).message).not.toContain('hunter2')
  await boot(refused.mistakes.reduce<unknown>((given, { fix }) => patched(given, fix), copied({ introspection })))
})

it.each<[string, unknown]>([
  ['P-256', es256.privateKey],
  ['P-256, PEM', es256.privateKey.export({ type: 'pkcs8', format: 'pem' })],
  ['RSA', rsa.privateKey],
  ['Ed25519', generateKeyPairSync('ed25519').privateKey],
])('a client with a key of %s boots', async (_name, clientKey) => {
  await boot({ introspection: { ...keyed, clientKey } })
})
