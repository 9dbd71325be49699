/** The parameters of a matched path, decoded once, as the router gives them. */
export type PathParams = Readonly<Record<string, string | undefined>>

/** One segment of a path template. */
type Segment = { readonly literal: string } | { readonly param: string } | { readonly rest: true }

/** A path template such as `/api/posts/:id` or `/files/*`. */
export interface PathTemplate {
  /** Names of the parameters; `*` for the rest. */
  readonly params: readonly string[]
  /** The path with the parameters filled in, each encoded. */
  fill(params: PathParams): string
  /** The parameters (still encoded) of a path that this template could have made, or null. */
  match(path: string): PathParams | null
  /** As `fill`, for parameters that are encoded already. */
  fillEncoded(params: PathParams): string
}

// RFC 3986 §3.3: pchar without percent-encoding, and without `;`, which some servers cut segments at.
const PLAIN = /^[\w\-.~!$&'()*+,=:@/]*$/
// Encoded slash and backslash, control characters, and a percent sign that begins another encoding.
const REFUSED_ENCODING = /%(?:2f|5c|[01][0-9a-f]|7f|25[0-9a-f]{2})|\\/i
// RFC 9112 §3.2: a request target has no space, no fragment and no byte outside ASCII.
const REFUSED_IN_TARGET = /[^\x21\x22\x24-\x7e]/

/** Whether a request target holds what no client may send: spaces, fragments, control or non-ASCII bytes. */
export function isMalformedTarget(target: string): boolean {
  return REFUSED_IN_TARGET.test(target)
}

/**
 * Whether a path could mean another path to the service behind: dot segments in any encoding, encoded separators,
 * control characters, double encoding, characters that normalise to a separator.
 * @param path the raw path of the request target, without the query.
 */
export function isUnsafePath(path: string): boolean {
  if (PLAIN.test(path) && !path.includes('/.')) return false
  if (REFUSED_ENCODING.test(path)) return true
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    return true
  }
  const compatible = decoded.normalize('NFKC')
  if (compatible.includes('\\')) return true
  const segments = compatible.split('/')
  if (segments.length !== path.split('/').length) return true
  for (const segment of segments) {
    // `..;x` is `..` to servers that cut path parameters off.
    const [name] = segment.split(';', 1)
    if (name === '.' || name === '..') return true
  }
  return false
}

const encodeParam = (value: string | undefined): string => encodeURIComponent(value ?? '')
const encodeRest = (value: string | undefined): string => (value ?? '').split('/').map(encodeURIComponent).join('/')
const asIs = (value: string | undefined): string => value ?? ''

/** Compiles a path template. Its grammar is the one the options' schema admits. */
export function compileTemplate(template: string): PathTemplate {
  const segments = template
    .split('/')
    .slice(1)
    .map((text): Segment => {
      if (text === '*') return { rest: true }
      return text.startsWith(':') ? { param: text.slice(1) } : { literal: text }
    })
  const params = segments.flatMap((segment) => ('param' in segment ? [segment.param] : 'rest' in segment ? ['*'] : []))
  const pattern = new RegExp(
    `^${segments.map((segment) => ('literal' in segment ? `/${escape(segment.literal)}` : 'rest' in segment ? '/(.*)' : '/([^/]+)')).join('')}$`,
  )
  const build = (values: PathParams, param: typeof asIs, rest: typeof asIs): string => {
    let path = ''
    for (const segment of segments) {
      if ('literal' in segment) path += `/${segment.literal}`
      else path += 'rest' in segment ? `/${rest(values['*'])}` : `/${param(values[segment.param])}`
    }
    return path
  }
  return {
    params,
    fill: params.length === 0 ? () => template : (values) => build(values, encodeParam, encodeRest),
    fillEncoded: (values) => build(values, asIs, asIs),
    match(path) {
      const found = pattern.exec(path)
      return found === null ? null : Object.fromEntries(params.map((name, index) => [name, found[index + 1]]))
    },
  }
}

function escape(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
