import type { ObjectSchema } from '@portcullis/kernel'

/** How passwords are hashed, and which new ones are taken. */
export interface PasswordHashOptions {
  /** Characters of a new password at least. Default: 15 (NIST SP 800-63B-4 §3.1.1.2); 8 beside a second factor. */
  minLength?: number
  /** Characters at most. Default: 128. */
  maxLength?: number
  /** Words that anybody would try here, such as the product's name. */
  words?: string[]
  /** Memory of one hash, in KiB (Argon2's m). Default: 19456. */
  memoryKiB?: number
  /** Passes over it (Argon2's t). Default: 2. */
  passes?: number
  /** Lanes (Argon2's p). Default: 1. */
  lanes?: number
  /** Hashes under way at the same time. Default: 2. */
  concurrency?: number
  /** Hashes waiting; more are answered 503. Default: 64. */
  queue?: number
  /** Allows parameters below those that OWASP calls the least: for tests. Default: false. */
  dangerouslyCheapHashes?: boolean
}

/** Schema of `password`. */
export const passwordSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'How passwords are hashed, and which new ones are taken.',
  properties: {
    minLength: {
      description: 'Characters of a new password at least; 8 is enough beside a second factor.',
      type: 'integer',
      minimum: 8,
      maximum: 64,
      default: 15,
    },
    maxLength: {
      description: 'Characters of a new password at most. Nothing is ever cut off.',
      type: 'integer',
      minimum: 64,
      maximum: 1024,
      default: 128,
    },
    words: {
      description: 'Words that anybody would try here, such as the product’s name.',
      type: 'array',
      items: { description: 'A word.', type: 'string', minLength: 4, maxLength: 64, examples: ['portcullis'] },
      maxItems: 100,
      default: [],
    },
    memoryKiB: {
      description: 'Memory of one hash in KiB (Argon2id’s m).',
      type: 'integer',
      minimum: 8,
      maximum: 2_097_152,
      default: 19_456,
    },
    passes: { description: 'Passes over it (t).', type: 'integer', minimum: 1, maximum: 100, default: 2 },
    lanes: { description: 'Lanes (p).', type: 'integer', minimum: 1, maximum: 16, default: 1 },
    concurrency: {
      description: 'Hashes under way at the same time: each takes the memory, and a processor.',
      type: 'integer',
      minimum: 1,
      maximum: 64,
      default: 2,
    },
    queue: {
      description: 'Hashes waiting; more are answered 503 with `Retry-After`.',
      type: 'integer',
      minimum: 0,
      maximum: 10_000,
      default: 64,
    },
    dangerouslyCheapHashes: {
      description: 'Allows parameters below those that OWASP calls the least: for tests.',
      type: 'boolean',
      default: false,
    },
  },
}
