import { hash, verify } from '@node-rs/argon2'

// OWASP Password Storage: Argon2id with 19 MiB, two passes, one lane. (2 is the enum's Argon2id.)
const settings = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** A password as it is stored: Argon2id in PHC form. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, settings)
}

// For names that nobody has: the same work, so that the time does not tell who exists.
const nobody = hashPassword('a password that nobody has')

/** Whether the password is the one behind the hash. An absent hash takes as long as a wrong password. */
export async function passwordMatches(stored: string | undefined, password: string): Promise<boolean> {
  const matches = await verify(stored ?? (await nobody), password)
  return matches && stored !== undefined
}
