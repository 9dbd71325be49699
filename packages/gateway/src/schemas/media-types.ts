/** RFC 6839 §3.1 */
export const isJson = (essence: string): boolean => essence === 'application/json' || essence.endsWith('+json')

/** A media type without its parameters. */
export const essenceOf = (type: string): string => (type.split(';', 1)[0] as string).trim().toLowerCase()

/** Whether a media type is one of a range: `image/*`. */
export const isWithin = (type: string, range: string): boolean =>
  range === '*/*' || range === type || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)))

/** What says nothing else is (RFC 7578 §4.4). */
export const PLAIN = 'text/plain'
