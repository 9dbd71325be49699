import type { Ajv2020 } from 'ajv/dist/2020.js'
import { compileSchema, resolveSchema, type SchemaEnv } from 'ajv/dist/compile/index.js'
import { resolveUrl } from 'ajv/dist/compile/resolve.js'

/**
 * Compiles schemas that refer to one another in long chains, one by one. Ajv goes from reference to reference, as deep as
 * the stack is, which is some 200; where it finds a reference resolved already, it does not go on.
 * @param name that the whole has in Ajv
 * @param references into the whole
 */
export function compileOneByOne(ajv: Ajv2020, name: string, references: Iterable<string>): void {
  const root = ajv.schemas[name] as SchemaEnv
  const left: SchemaEnv[] = []
  for (const reference of references) {
    const full = resolveUrl(ajv.opts.uriResolver, root.baseId, reference)
    const one = root.refs[full] === undefined ? resolveSchema.call(ajv, root, full) : undefined
    if (one === undefined) continue
    root.refs[full] = one
    left.push(one)
  }
  for (const one of left) compileSchema.call(ajv, one)
}
