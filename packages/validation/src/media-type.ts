/** RFC 9110 §5.6.2 */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const TYPE = new RegExp(`^(${TOKEN}/${TOKEN})`)
const PARAMETER = new RegExp(`^[ \\t]*;[ \\t]*(${TOKEN})=(?:(${TOKEN})|"([^"\\\\\\x00-\\x1f\\x7f]*)")`)

/** A media type (RFC 9110 §8.3.1): its names in lower case. */
export interface MediaType {
  readonly essence: string
  readonly parameters: ReadonlyMap<string, string>
}

/** Reads a Content-Type as strictly as it is defined; null for everything else, parameters named twice too. */
export function parseMediaType(field: string): MediaType | null {
  const type = TYPE.exec(field)
  if (type === null) return null
  const parameters = new Map<string, string>()
  let rest = field.slice(type[0].length)
  while (rest !== '') {
    const parameter = PARAMETER.exec(rest)
    if (parameter === null) return null
    const name = (parameter[1] as string).toLowerCase()
    if (parameters.has(name)) return null
    parameters.set(name, parameter[2] ?? (parameter[3] as string))
    rest = rest.slice(parameter[0].length)
  }
  return { essence: (type[1] as string).toLowerCase(), parameters }
}

/** JSON (RFC 8259), and whatever is built on it (RFC 6839 §3.1). */
export const isJson = (essence: string): boolean => essence === 'application/json' || essence.endsWith('+json')

/** What a route makes of a Content-Type. */
export type Reception = 'json' | 'form' | 'other' | null

const receptionOf = (essence: string): Reception =>
  isJson(essence) ? 'json' : essence === 'application/x-www-form-urlencoded' ? 'form' : 'other'

/**
 * Which Content-Types a route takes: exactly the listed, with no parameter but `charset=utf-8`, and `boundary` where
 * there are parts. Null for the others, and for bodies without one.
 */
export function mediaTypeRule(types: readonly string[]): (field: string | undefined) => Reception {
  const known = new Map<string, Reception>(types.map((type) => [type, receptionOf(type)]))

  function judge(field: string): Reception {
    const type = parseMediaType(field)
    if (type === null) return null
    const reception = known.get(type.essence) ?? null
    if (reception === null) return null
    const parts = type.essence.startsWith('multipart/')
    for (const [name, value] of type.parameters) {
      const admitted =
        name === 'charset' ? value.toLowerCase() === 'utf-8' : parts && name === 'boundary' && BOUNDARY.test(value)
      if (!admitted) return null
    }
    return parts && !type.parameters.has('boundary') ? null : reception
  }

  // What has parts is never whole without its boundary.
  const bare = new Map([...known].filter(([type]) => !type.startsWith('multipart/')))
  return (field) => (field === undefined ? null : (bare.get(field) ?? judge(field)))
}

/** RFC 2046 §5.1.1 */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/
