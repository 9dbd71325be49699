/** The parameters of a path by name; `*` is the rest. */
export type PathParams = Readonly<Record<string, string | undefined>>

/** One segment of a path template. */
type Segment = { readonly literal: string } | { readonly param: string } | { readonly rest: true }

/** A path template such as `/api/posts/:id` or `/files/*`. */
export interface PathTemplate {
  /** Names of the parameters; `*` for the rest. */
  readonly params: readonly string[]
  /** The path with the parameters filled in, as they are. */
  fill(params: PathParams): string
  /** The parameters (still encoded) of a path that this template could have made, or null. */
  match(path: string): PathParams | null
}

/**
 * What makes two readers of a path see two paths. `ambiguous`: some servers cut segments at `;`, merge slashes, or
 * decode twice; where all behind the gateway agree, an app may admit it. `unsafe`: no reader has a use for it.
 */
export type PathFault = 'ambiguous' | 'unsafe'

// RFC 3986 §3.3: pchar without percent-encoding, and without `;`.
const PLAIN = /^[\w\-.~!$&'()*+,=:@/]*$/
// Backslashes and control characters, encoded or not.
const UNSAFE = /%(?:5c|[01][0-9a-f]|7f)|\\/i
const AMBIGUOUS = /;|\/\/|%2f/i
// Decoded once: `%252e` and `%25%32%65` are `%2e` then, and `.` to whoever decodes twice.
const ENCODED_AGAIN = /%[0-9a-f]{2}/i
// RFC 9112 §3.2: a request target has no space, no fragment and no byte outside ASCII.
const REFUSED_IN_TARGET = /[^\x21\x22\x24-\x7e]/

/** Whether a request target holds what no client may send: spaces, fragments, control or non-ASCII bytes. */
export function isMalformedTarget(target: string): boolean {
  return REFUSED_IN_TARGET.test(target)
}

/**
 * Whether a path could mean another path to the service behind: dot segments in any encoding, separators that are
 * encoded or that normalise to one, empty segments, path parameters, control characters, double encoding.
 * @param path the raw path of the request target, without the query.
 */
export function faultOfPath(path: string): PathFault | null {
  if (PLAIN.test(path) && !path.includes('/.') && !path.includes('//')) return null
  if (UNSAFE.test(path)) return 'unsafe'
  let isAmbiguous = AMBIGUOUS.test(path)
  for (const segment of path.split('/')) {
    let decoded: string
    try {
      decoded = decodeURIComponent(segment)
    } catch {
      return 'unsafe'
    }
    if (decoded.split('/').some(isDots) || isFolded(decoded)) return 'unsafe'
    isAmbiguous ||= ENCODED_AGAIN.test(decoded)
  }
  return isAmbiguous ? 'ambiguous' : null
}

/** Unicode has other dots, slashes and percent signs, which compatibility folds into ours. */
function isFolded(decoded: string): boolean {
  const folded = decoded.normalize('NFKC')
  return folded !== decoded && (/[/\\;]|%[0-9a-f]{2}/i.test(folded) || isDots(folded))
}

/** `.` and `..`, also before the parameters that some servers cut off: `..;a=b`. */
const isDots = (segment: string): boolean => /^\.\.?(?:;.*)?$/.test(segment)

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
  return {
    params,
    fill(values) {
      let path = ''
      for (const segment of segments) {
        if ('literal' in segment) path += `/${segment.literal}`
        else path += `/${values['rest' in segment ? '*' : segment.param] ?? ''}`
      }
      return path
    },
    match(path) {
      const found = pattern.exec(path)
      return found === null ? null : Object.fromEntries(params.map((name, index) => [name, found[index + 1]]))
    },
  }
}

function escape(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
