/** RFC 8555 §8.3. */
export const CHALLENGES = '/.well-known/acme-challenge/'
