/** Primes modulo which the moduli of the flawed generator are powers of 65537, and those of others mostly are not. */
const PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157] as const

const powers: readonly (readonly [prime: bigint, residues: ReadonlySet<bigint>])[] = PRIMES.map((prime) => {
  const residues = new Set<bigint>()
  for (let value = 1; !residues.has(BigInt(value)); value = (value * (65_537 % prime)) % prime)
    residues.add(BigInt(value))
  return [BigInt(prime), residues]
})

/**
 * Whether an RSA modulus has the mark of a generator that many smart cards and TPMs had (CVE-2017-15361, "ROCA"): the
 * private key of such a public one can be computed. One in a hundred million others has the mark by chance.
 */
export function isRoca(modulus: bigint): boolean {
  return powers.every(([prime, residues]) => residues.has(modulus % prime))
}
