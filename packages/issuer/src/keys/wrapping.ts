import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Random } from '../sessions/refresh-token.ts'

/** Encrypts private keys before they are stored: whoever reads the store cannot sign. */
export interface Wrapping {
  /** @param name bound to the text: a wrapped key cannot pass for another */
  wrap(text: string, name: string): string
  /** @throws if it was wrapped with another secret, under another name, or altered */
  unwrap(wrapped: string, name: string): string
}

/** AES-256-GCM with a key derived from the secret (RFC 5869). */
export function createWrapping(secret: string | Buffer, random: Random): Wrapping {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'portcullis issuer: signing keys', 32))
  return {
    wrap(text, name) {
      const iv = random(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(name))
      const parts = [iv, cipher.update(text, 'utf8'), cipher.final()]
      return Buffer.concat([...parts, cipher.getAuthTag()]).toString('base64')
    },
    unwrap(wrapped, name) {
      const bytes = Buffer.from(wrapped, 'base64')
      const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 })
      cipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(-16))
      return cipher.update(bytes.subarray(12, -16), undefined, 'utf8') + cipher.final('utf8')
    },
  }
}
