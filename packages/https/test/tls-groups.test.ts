import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { expect, it } from 'vitest'
import { protocolOptions } from '../src/tls-policy.ts'

// The first look of a process: it is the one that asks OpenSSL, and its failure would be the next one's (Node 22.19).
it('looking for the groups that OpenSSL has leaves no error behind for whoever reads a key next', () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const { ecdhCurve } = protocolOptions('modern')
  expect(createPrivateKey(key).asymmetricKeyType).toBe('ed25519')
  expect(() => createSecureContext({ ecdhCurve })).not.toThrow()
})
