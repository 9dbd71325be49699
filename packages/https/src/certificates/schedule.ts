/** Milliseconds of the longest wait between two tries. */
const LONGEST_RETRY = 6 * 3_600_000

/**
 * When a certificate is renewed: a sixtieth to a thirtieth of its lifetime before two thirds of it are over. Servers
 * that were started together do not ask together, and a renewal in time is over before the last third begins.
 * @param random from 0 to 1
 */
export function renewalTime(notBefore: number, notAfter: number, random: number): number {
  const lifetime = notAfter - notBefore
  return notBefore + Math.floor((lifetime * 2) / 3 - (lifetime / 60) * (1 + random))
}

/** When a certificate counts as expiring: when its last third begins. */
export function expiringTime(notBefore: number, notAfter: number): number {
  return notAfter - Math.floor((notAfter - notBefore) / 3)
}

/**
 * How long to wait after a failure: twice as long after each, at most six hours, and between half of that and all of
 * it at random.
 * @param failures how many there were in a row, from 1 on
 * @param first milliseconds after the first failure
 * @param random from 0 to 1
 * @param asked milliseconds that the other side asked for (RFC 9110 §10.2.3)
 */
export function retryDelay(failures: number, first: number, random: number, asked = 0): number {
  const full = Math.min(LONGEST_RETRY, first * 2 ** Math.min(failures - 1, 40))
  return Math.max(asked, Math.floor(full * (0.5 + random / 2)))
}
