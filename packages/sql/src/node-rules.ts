import type {
  AggregateFunctionNode,
  BinaryOperationNode,
  DataTypeNode,
  FetchNode,
  FunctionNode,
  JSONPathLegNode,
  OperationNode,
  OperatorNode,
  OrderByItemNode,
  RawNode,
  SetOperationNode,
  ValueNode,
} from 'kysely'
import { jsonArrayFrom, jsonObjectFrom, mergeAction } from 'kysely/helpers/postgres'
import { admit } from './template.ts'

/** Texts that the builder itself writes outside of templates. */
const CONSTANTS: ReadonlySet<string> = new Set([
  '',
  '.',
  'asc',
  'desc',
  'true',
  'delete',
  'do nothing',
  'savepoint ',
  'rollback to ',
  'release ',
])

// Templates of Kysely's own: plugins copy them, so they must be known by their text.
for (const helper of [jsonArrayFrom, jsonObjectFrom]) learn(helper(mergeAction() as never))
learn(mergeAction())

function learn(source: { toOperationNode(): OperationNode }): void {
  admit((source.toOperationNode() as RawNode).sqlFragments)
}

/** The operators of the builder, without those of other databases. */
const OPERATOR: ReadonlySet<string> = new Set(
  (
    '= != <> > >= < <= ~ ~* !~ !~* @> <@ ^@ && ? ?& ?| @@ @@@ !! <-> -> ->> || + - * / % ^ & | # << >> ' +
    'in not_in is is_not like not_like ilike not_ilike is_distinct_from is_not_distinct_from ' +
    'exists not_exists not between between_symmetric'
  )
    .split(' ')
    .map((operator) => operator.replaceAll('_', ' ')),
)
const SET_OPERATOR: ReadonlySet<string> = new Set(['union', 'intersect', 'except'])
const NULLS: ReadonlySet<unknown> = new Set([undefined, 'first', 'last'])
const FETCH: ReadonlySet<string> = new Set(['only', 'with ties'])
const FUNCTION = /^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?$/i
const DATA_TYPE = /^[a-z][a-z0-9 ]*(?:\(\d{1,5}(?:, ?\d{1,5})?\))?(?: (?:with|without) time zone)?$/i
/** A member or an index within a JSON document, as a program names it. What users name goes through `jsonText()`. */
const MEMBER = /^[\w-]*$/

function faultOfRaw({ sqlFragments }: RawNode): string | null {
  return sqlFragments.every((text) => CONSTANTS.has(text)) ? null : admit(sqlFragments)
}

/** A text within the statement is a literal that somebody has pasted; a plain word is none that could be anything else. */
function faultOfValue({ immediate, value }: ValueNode): string | null {
  if (immediate !== true) return null
  return value instanceof Date || (typeof value === 'string' && !MEMBER.test(value)) ? 'literal' : null
}

const LISTS: ReadonlySet<string> = new Set(['PrimitiveValueListNode', 'ValueListNode'])

/** A fault of a value, not of a statement: a body that holds an array where one value was meant. */
export const LIST_FOR_A_VALUE = 'list-for-a-value'

/** Kysely writes an array as a list whatever the operator: `= ($1, $2)`, and `in ()` for an empty one. */
function faultOfComparison({ operator, rightOperand }: BinaryOperationNode): string | null {
  if (!LISTS.has(rightOperand.kind)) return null
  const { values } = rightOperand as { values?: readonly unknown[] }
  const name = (operator as Partial<OperatorNode>).operator
  return values !== undefined && values.length > 0 && (name === 'in' || name === 'not in') ? null : LIST_FOR_A_VALUE
}

const unless = (holds: boolean, reason: string): string | null => (holds ? null : reason)
const refused = (): string => 'not-postgres'

/** By kind of node: what is wrong with the text that it writes, null if nothing is. */
const rules = new Map<string, (node: never) => string | null>([
  ['RawNode', faultOfRaw],
  ['ValueNode', faultOfValue],
  ['BinaryOperationNode', faultOfComparison],
  ['OperatorNode', ({ operator }: OperatorNode) => unless(OPERATOR.has(operator), 'operator')],
  ['FunctionNode', ({ func }: FunctionNode) => unless(FUNCTION.test(func), 'function')],
  ['AggregateFunctionNode', ({ func }: AggregateFunctionNode) => unless(FUNCTION.test(func), 'function')],
  ['DataTypeNode', ({ dataType }: DataTypeNode) => unless(DATA_TYPE.test(dataType), 'data-type')],
  ['OrderByItemNode', ({ nulls }: OrderByItemNode) => unless(NULLS.has(nulls), 'order')],
  ['SetOperationNode', ({ operator }: SetOperationNode) => unless(SET_OPERATOR.has(operator), 'operator')],
  ['FetchNode', ({ modifier }: FetchNode) => unless(FETCH.has(modifier), 'fetch')],
  ['JSONPathLegNode', ({ value }: JSONPathLegNode) => unless(MEMBER.test(String(value)), 'json-path')],
  ['ExplainNode', refused],
  ['TopNode', refused],
  ['OrActionNode', refused],
])

const STATEMENTS: ReadonlySet<string> = new Set([
  'SelectQueryNode',
  'InsertQueryNode',
  'UpdateQueryNode',
  'DeleteQueryNode',
  'MergeQueryNode',
  'RawNode',
])

/** Whether the builder may run this: rows only. Tables are made by migrations, with another role. */
export function isStatement({ kind }: OperationNode): boolean {
  return STATEMENTS.has(kind)
}

/**
 * What is wrong with a node, null if nothing is. Kysely freezes every node that it makes; what a body was parsed to is not
 * frozen, and `eb.and([…])` takes such an object for a node.
 */
export function faultOfNode(node: OperationNode): string | null {
  if (!Object.isFrozen(node)) return 'forged-node'
  const rule = rules.get(node.kind)
  return rule === undefined ? null : rule(node as never)
}
