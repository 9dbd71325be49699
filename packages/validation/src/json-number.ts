/** Digits and exponent of a decimal, without what does not count: `1.50e3` is `15` and 3. */
function significant(text: string): { readonly digits: string; readonly exponent: number } {
  const [mantissa = '', power = '0'] = text.replace(/^-/, '').toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const all = `${whole}${fraction}`
  const digits = all.replace(/^0+/, '')
  const leading = all.length - digits.length
  return { digits: trimmed(digits), exponent: whole.length - leading - 1 + Number(power) }
}

/** Without zeros at its end; a loop, because a regular expression would try from each zero. */
function trimmed(digits: string): string {
  let end = digits.length
  while (end > 0 && digits.charCodeAt(end - 1) === 0x30) end--
  return digits.slice(0, end)
}

/** The longest decimal that tells one double from every other (IEEE 754 binary64). */
const LONGEST = 17

/**
 * Whether a JSON number means the same after it was parsed (RFC 8259 §6: double precision is what can be expected).
 * What is no number at all is left to the parser.
 */
export function isExact(text: string): boolean {
  // `-0` is read as it is written, `-` alone is nothing.
  const value = Number(text)
  if (Number.isNaN(value)) return true
  // Up to 15 digits every decimal has a double of its own, if it is no subnormal one.
  const size = Math.abs(value)
  if (text.length <= 15 && size > 1e-290 && size < Infinity) return true
  const written = significant(text)
  if (written.digits === '') return true
  if (written.digits.length > LONGEST || !Number.isFinite(value) || value === 0) return false
  const read = significant(value.toExponential())
  return written.digits === read.digits && written.exponent === read.exponent
}
