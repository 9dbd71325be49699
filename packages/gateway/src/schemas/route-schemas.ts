import { refuseToBoot } from '@portcullis/kernel'
import type { GatewayOptions, GatewayRoute } from '../options.ts'
import { Compiler } from './compiler.ts'
import { type Declaration, declarationOf } from './declared.ts'
import { type Described, describeOwn } from './described.ts'
import { Notes } from './notes.ts'
import { describeOperation } from './document.ts'
import { wholeOf } from './pointer.ts'
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
 * @throws PTC_OPTIONS_INVALID for schemas that cannot be compiled
 */
export function schemaCompiler(
  options: Readonly<GatewayOptions>,
): (route: GatewayRoute, index: number, method: string) => RouteSchemas {
  const { openapi, validateResponses, validatedResponseLimit } = options
  const answers = validateResponses !== undefined
  const document = openapi === undefined ? null : wholeOf(openapi, '/openapi')
  const requests = new Compiler('request')
  const responses = new Compiler('response')
  const made = new Map<string, unknown>()

  function compile(described: Described, declare: () => Declaration, index: number): RouteSchemas {
    try {
      const input = compileInput(described, requests)
      const declaration = declare()
      if (validateResponses === undefined || described.responses === null) return { input, output: null, declaration }
      const output = compileOutput(described.responses, responses, validateResponses, validatedResponseLimit as number)
      return { input, output, declaration }
    } catch (error) {
      // Ajv goes into schemas as deep as the stack is: some 300.
      const why = error instanceof RangeError ? 'are nested too deep' : 'cannot be compiled'
      const path = `routes[${index}]`
      const fix = [{ op: 'add', path: `/routes/${index}/schema`, value: false } as const]
      const message = `has schemas that ${why}; write flatter ones, or schema: false`
      return refuseToBoot('the schemas of routes', [{ path, rule: 'schema-uncompilable', message, fix }])
    }
  }

  return ({ schema, match: { path }, bodyLimit }, index, method) => {
    const notes = new Notes(false)
    if (schema === false) return NOTHING
    if (schema !== undefined) {
      const { response: _response, ...parts } = schema
      return compile(describeOwn(schema, `/routes/${index}/schema`, answers, notes), () => parts, index)
    }
    if (document === null) return NOTHING
    const described = describeOperation(document, method, path, answers, notes)
    if (described === null) return NOTHING
    const limit = bodyLimit ?? (options.bodyLimit as number)
    return compile(described, () => declarationOf(described, method, limit, made), index)
  }
}
