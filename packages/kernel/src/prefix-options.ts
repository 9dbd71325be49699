import type { Finding, ObjectSchema, Schema } from './options.ts'

/** A policy for routes that write none, by the prefix of their URL in whole path segments: `/docs` covers `/docs/json`. */
export interface PrefixedRoute<Route extends object> {
  prefix: string
  /** As a route would write it; `false` switches the room off there. */
  policy: Route | false
}

/** What options of rooms with `policiesByPrefix` have too. */
export interface PrefixOptions<Route extends object> {
  /** Policies for routes that write none, by prefix: routes of other plugins. Default: none. */
  routes?: readonly PrefixedRoute<Route>[]
}

/** A policy for routes that write none, and where it stands. */
export interface PrefixPolicy {
  readonly prefix: string
  readonly policy: object | false
  /** JSON Pointer to the prefix in the options. */
  readonly at: string
}

/** The schema of `routes`, whose policies are what routes may write themselves. */
export function prefixSchema({ properties = {} }: ObjectSchema): Schema {
  return {
    description: 'Policies for routes that write none, by prefix (the longest wins): routes of other plugins.',
    type: 'array',
    default: [],
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['prefix', 'policy'],
      examples: [{ prefix: '/docs', policy: false }],
      properties: {
        prefix: {
          description: 'Begins the URLs of the routes, in whole path segments.',
          type: 'string',
          pattern: '^/\\S*$',
          title: 'a path such as /docs',
          examples: ['/docs'],
        },
        policy: {
          description: 'As a route would write it; `false` switches the room off there.',
          accepts: ['object', 'boolean'],
          additionalProperties: false,
          properties,
          examples: [false],
        },
      },
    },
  }
}

/** `/docs/` covers what `/docs` covers. */
export const bare = (prefix: string): string => (prefix.endsWith('/') ? prefix.slice(0, -1) : prefix)

/** What a schema of `routes` cannot see. */
export function checkPrefixes({ routes = [] }: PrefixOptions<object>): Finding[] {
  const seen = new Set<string>()
  return routes.flatMap(({ prefix, policy }, index): Finding[] => {
    const at = `/routes/${index}`
    if (seen.has(bare(prefix)))
      return [
        {
          at: `${at}/prefix`,
          rule: 'repeated-prefix',
          message: `is '${prefix}', as an earlier entry has it; remove this one`,
          fix: [{ op: 'remove', path: at }],
        },
      ]
    seen.add(bare(prefix))
    if ((policy as unknown) !== true) return []
    return [
      {
        at: `${at}/policy`,
        rule: 'type',
        message: 'is true, which says nothing; write policy: {} for what a route has that writes nothing else',
        fix: [{ op: 'replace', path: `${at}/policy`, value: {} }],
      },
    ]
  })
}

/** The policy of the longest prefix of a URL. */
export function longestPrefix(url: string, policies: readonly PrefixPolicy[]): PrefixPolicy | undefined {
  let longest: PrefixPolicy | undefined
  for (const one of policies)
    if (covers(one.prefix, url) && (longest === undefined || one.prefix.length > longest.prefix.length)) longest = one
  return longest
}

/** Whether a URL is under a prefix, in whole path segments. */
export function covers(prefix: string, url: string): boolean {
  const own = bare(prefix)
  return url === own || url.startsWith(`${own}/`)
}

/** The policies of checked options. */
export function prefixPoliciesOf({ routes = [] }: PrefixOptions<object>): readonly PrefixPolicy[] {
  return routes.map((one, index) => ({ ...one, at: `/routes/${index}/prefix` }))
}
