import type { GatewayOptions, GatewayRoute } from '../options.ts'
import { Compiler } from './compiler.ts'
import { type Declaration, declarationOf } from './declared.ts'
import { type Described, describeOwn, Notes } from './described.ts'
import { describeOperation, documentAt } from './document.ts'
import { compileInput, type Input } from './input.ts'
import { compileOutput, type Output } from './output.ts'

/** What the messages of one route and method are held to. Null: nothing. */
export interface RouteSchemas {
  readonly input: Input | null
  readonly output: Output | null
  /** What the requests are held to, as a Fastify route says it. */
  readonly declaration: Declaration | null
}

const NOTHING: RouteSchemas = { input: null, output: null, declaration: null }

/**
 * Compiles the schemas of a gateway: each route and method once, at boot.
 * @throws what Ajv makes of a schema that was not looked through
 */
export function schemaCompiler(
  options: Readonly<GatewayOptions>,
): (route: GatewayRoute, index: number, method: string) => RouteSchemas {
  const { openapi, validateResponses, responseLimit = 1_048_576 } = options
  const answers = validateResponses !== undefined
  const document = openapi === undefined ? null : documentAt(openapi, '/openapi')
  const requests = new Compiler('request')
  const responses = new Compiler('response')

  const compile = (described: Described, declaration: Declaration): RouteSchemas => ({
    input: compileInput(described, requests),
    output:
      validateResponses === undefined || described.responses === null
        ? null
        : compileOutput(described.responses, responses, validateResponses, responseLimit),
    declaration,
  })

  return ({ schema, match: { path }, bodyLimit }, index, method) => {
    const notes = new Notes(false)
    if (schema === false) return NOTHING
    if (schema !== undefined) {
      const { response: _response, ...parts } = schema
      return compile(describeOwn(schema, `/routes/${index}/schema`, answers, notes), parts)
    }
    if (document === null) return NOTHING
    const described = describeOperation(document, method, path, answers, notes)
    if (described === null) return NOTHING
    return compile(described, declarationOf(described, method, bodyLimit ?? (options.bodyLimit as number)))
  }
}
