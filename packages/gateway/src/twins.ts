import { isDeepStrictEqual } from 'node:util'
import type { GatewayRoute } from './options.ts'
import { compileTemplate, type PathTemplate } from './path.ts'
import { TemplateIndex } from './template-index.ts'

/** What a service may take the paths of a route for. */
export interface Twins {
  /** Ordinary paths are read as the router reads them. */
  readonly ordinary: boolean
  /** Whether there is one for a path. @param segments of it, without the prefix of the scope */
  have(segments: readonly string[], host: string | undefined): boolean
}

/** One route as the twin of others. */
interface Twin {
  readonly policy: number
  readonly methods: ReadonlySet<string>
  readonly host: RegExp | null
  readonly exact: PathTemplate
}

/** The routes of one upstream. */
interface Family {
  readonly loose: TemplateIndex<Twin>
  readonly policies: Set<number>
  /** Policies of routes whose paths are no ordinary ones. */
  readonly strange: Set<number>
}

/**
 * Compiles, for all routes at once, routes whose policy would be another one, and that a service may take a path of this
 * one for: it need not tell `/files/Secret`, `/files/secret/` and `/files/secret` apart, where the router does.
 */
export function compileTwins(
  routes: readonly GatewayRoute[],
  methodsOf: (route: GatewayRoute) => readonly string[],
): (route: GatewayRoute) => Twins {
  const numberOf = numberPolicies()
  const families = new Map<string, Family>()
  for (const route of routes) {
    const { path, host } = route.match
    const family = families.get(route.upstream) ?? {
      loose: new TemplateIndex(),
      policies: new Set(),
      strange: new Set(),
    }
    families.set(route.upstream, family)
    const folded = path
      .split('/')
      .map((text) => (/^[:*]/.test(text) ? text : fold(text)))
      .join('/')
    const policy = numberOf(route.policy)
    family.policies.add(policy)
    if (folded !== path) family.strange.add(policy)
    family.loose.add(folded, {
      policy,
      methods: new Set(methodsOf(route)),
      host: host === undefined ? null : hostPattern(host),
      exact: compileTemplate(path),
    })
  }
  return (route) => {
    const { loose, policies, strange } = families.get(route.upstream) as Family
    const policy = numberOf(route.policy)
    const methods = methodsOf(route)
    const others = (all: ReadonlySet<number>): boolean => all.size > (all.has(policy) ? 1 : 0)
    const alone = !others(policies)
    return {
      ordinary: !others(strange),
      have(segments, host) {
        if (alone) return false
        const found = loose.find(`/${foldPath(segments).filter(Boolean).join('/')}`)
        const exact = `/${segments.map(decoded).join('/')}`
        return found.some(
          (twin) =>
            twin.policy !== policy &&
            methods.some((method) => twin.methods.has(method)) &&
            (twin.host === null || (host !== undefined && twin.host.test(host))) &&
            twin.exact.match(exact) === null,
        )
      },
    }
  }
}

/** The name in a Host field, with any port. */
export const hostPattern = (host: string): RegExp =>
  new RegExp(String.raw`^${host.replaceAll('.', String.raw`\.`)}(?::\d+)?$`, 'i')

/** A segment of a path as it was sent, decoded once. */
export const decoded = (text: string): string => (text.includes('%') ? decodeURIComponent(text) : text)

/** A segment as the most careless service reads it: decoded, cut at `;`, without case, without dots and spaces at its end. */
function fold(segment: string): string {
  const [name = ''] = read(segment).split(/[;?#]/, 1)
  return name.toLowerCase().replace(/[. ]+$/, '')
}

/** The segments of a path, up to where a query or a fragment begins for whoever decodes first. */
function foldPath(segments: readonly string[]): string[] {
  const end = segments.findIndex((segment) => segment.includes('%') && /[?#]/.test(read(segment)))
  return (end === -1 ? segments : segments.slice(0, end + 1)).map(fold)
}

const read = (segment: string): string => decoded(segment).normalize('NFKC')

/** Numbers policies: those that are equal have the same. */
function numberPolicies(): (policy: unknown) => number {
  const known = new Map<string, { readonly policy: unknown; readonly number: number }[]>()
  let count = 0
  return (policy) => {
    // Equal ones have equal outlines; few others do.
    const outline = outlineOf(policy)
    const alike = known.get(outline) ?? []
    known.set(outline, alike)
    const same = alike.find((one) => isDeepStrictEqual(one.policy, policy))
    if (same !== undefined) return same.number
    alike.push({ policy, number: count })
    return count++
  }
}

function outlineOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(outlineOf).join()}]`
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? 'f' : `${JSON.stringify(value)}`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return 'o'
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${outlineOf(member)}`)
  // Their order says nothing.
  return `{${members.toSorted().join()}}`
}
