import type { Finding } from '@portcullis/kernel'
import type { GatewayOptions, GatewayRoute } from '../options.ts'
import { methodsOf } from '../policy.ts'
import { describeOwn } from './described.ts'
import { Notes } from './notes.ts'
import { checkDocument, describeOperation } from './document.ts'
import { wholeOf } from './pointer.ts'

/** Methods whose requests bring bodies. */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** What is wrong with the schemas of routes, and with what the document says of them. */
export function checkSchemas(options: Readonly<GatewayOptions>): readonly Finding[] {
  const notes = new Notes()
  const { openapi, routes, validateResponses } = options
  const answers = validateResponses !== undefined
  const document = openapi === undefined ? null : wholeOf(openapi, '/openapi')
  if (document !== null) checkDocument(document, notes)
  const whole = notes.findings.length === 0
  return [
    ...routes.flatMap((route, i): Finding[] => {
      const at = `/routes/${i}`
      if ((route.schema as unknown) === true) {
        const fix = [{ op: 'replace', path: `${at}/schema`, value: false } as const]
        return [{ at: `${at}/schema`, rule: 'schema-true', message: 'names no schemas; write them, or false', fix }]
      }
      if (route.schema !== undefined && route.schema !== false) {
        describeOwn(route.schema, `${at}/schema`, answers, notes)
        return bodyOfNoMethod(route, at)
      }
      if (route.schema === false || document === null || !whole) return []
      const missing = methodsOf(route).filter(
        (method) => describeOperation(document, method, route.match.path, answers, notes) === null,
      )
      return missing.length === 0 ? [] : [unknown(route, at, missing)]
    }),
    ...notes.findings,
  ]
}

function unknown({ match: { path } }: GatewayRoute, at: string, missing: readonly string[]): Finding {
  return {
    at,
    rule: 'operation-unknown',
    message: `is not in openapi, which has no ${missing.join(', ')} ${path}; add it there, or write schema: false`,
    fix: [{ op: 'add', path: `${at}/schema`, value: false }],
  }
}

function bodyOfNoMethod(route: GatewayRoute, at: string): Finding[] {
  if (route.schema === undefined || route.schema === false || route.schema.body === undefined) return []
  if (methodsOf(route).every((method) => WITH_BODY.has(method))) return []
  return [
    {
      at: `${at}/schema/body`,
      rule: 'body-of-get',
      message: 'is of a body, which GET has none of; remove it, or write a route for each method',
      fix: [{ op: 'remove', path: `${at}/schema/body` }],
    },
  ]
}
