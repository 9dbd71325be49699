import type { Judge } from './compiler.ts'

/** What a message is made of. */
export type MessagePart = 'params' | 'query' | 'headers' | 'cookies' | 'body' | 'answer' | 'answer.headers'

/** Why a message is not admitted. Nothing in it comes from the message. */
export interface Fault {
  readonly part: MessagePart
  /** The keyword that is broken, or another short name. */
  readonly rule: string
  /** What is asked and where, in the words of the schema. */
  readonly asks: string | null
}

/** Ajv's words of what a schema asks never hold what came. */
const OF_THE_SCHEMA = /^must (?:be|have|NOT|match|contain|pass) /

/** Keywords that only say that branches were not admitted. */
const OF_BRANCHES: ReadonlySet<string> = new Set(['oneOf', 'anyOf', 'if'])

/** Why a validator has not admitted a value. */
export function faultOf(part: MessagePart, { validate, names }: Judge): Fault {
  const errors = validate.errors ?? []
  // Of branches that a discriminator tells apart, the chosen one is meant: the others ask for their names.
  const chosen = errors.find(({ schemaPath, keyword }) => !schemaPath.includes('/else/') && !OF_BRANCHES.has(keyword))
  const error = chosen ?? errors[0]
  if (error === undefined) return { part, rule: 'schema', asks: null }
  const { instancePath, keyword, message = '' } = error
  const steps = instancePath.split('/').slice(1)
  const strange = steps.findIndex((step) => !/^\d{1,6}$/.test(step) && !names.has(unescaped(step)))
  const known = (strange === -1 ? steps : steps.slice(0, strange)).map(unescaped)
  const never = keyword === 'false schema'
  const says = never ? 'must NOT be sent' : message
  const asks = OF_THE_SCHEMA.test(says) ? `${[part, ...known].join('.')} ${says}` : null
  return { part, rule: never ? 'not-admitted' : keyword, asks }
}

const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~')
