import type {
  AggregateFunctionNode,
  BinaryOperationNode,
  DataTypeNode,
  FetchNode,
  FunctionNode,
  InsertQueryNode,
  JSONPathLegNode,
  OnConflictNode,
  OperationNode,
  OperatorNode,
  OrderByItemNode,
  RawNode,
  SetOperationNode,
  UpdateQueryNode,
  ValueNode,
  ValuesNode,
} from 'kysely'
import { jsonArrayFrom, jsonObjectFrom, mergeAction } from 'kysely/helpers/postgres'
import { admit } from './template.ts'

/** Texts that the builder itself writes outside of templates. */
const CONSTANTS: ReadonlySet<string> = new Set(['', '.', 'asc', 'desc', 'true', 'delete', 'do nothing'])

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
  if (typeof value === 'string') return MEMBER.test(value) ? null : 'literal'
  // Infinity and NaN are written as names.
  return value instanceof Date || (typeof value === 'number' && !Number.isFinite(value)) ? 'literal' : null
}

const LISTS: ReadonlySet<string> = new Set(['PrimitiveValueListNode', 'ValueListNode'])

/** Faults of a value, not of a statement: a body with a list where one value was meant, one value for a list, nothing to write. */
const LIST_FOR_A_VALUE = 'list-for-a-value'
const VALUE_FOR_A_LIST = 'value-for-a-list'
const NOTHING_TO_WRITE = 'nothing-to-write'

/** Whether the caller's values are at fault, and not the program. */
export function isOfAValue(reason: string): boolean {
  return reason === LIST_FOR_A_VALUE || reason === VALUE_FOR_A_LIST || reason === NOTHING_TO_WRITE
}

/** Kysely writes an array as a list whatever the operator, `= ($1, $2)` and `in ()`, and what is none as `in $1`. */
function faultOfComparison({ operator, rightOperand }: BinaryOperationNode): string | null {
  const name = (operator as Partial<OperatorNode>).operator
  const wantsList = name === 'in' || name === 'not in'
  if (rightOperand.kind === 'ValueNode' && wantsList) return VALUE_FOR_A_LIST
  if (!LISTS.has(rightOperand.kind)) return null
  const { values = [] } = rightOperand as { values?: readonly unknown[] }
  return wantsList && values.length > 0 ? null : LIST_FOR_A_VALUE
}

const isEmpty = (list: readonly unknown[] | undefined): boolean => list !== undefined && list.length === 0

/** Kysely writes what PostgreSQL cannot read: `values ()`, `update posts set where`. */
function faultOfInsert({ columns, values }: InsertQueryNode): string | null {
  if (values?.kind !== 'ValuesNode') return null
  return isEmpty(columns) || isEmpty((values as ValuesNode).values) ? NOTHING_TO_WRITE : null
}

function faultOfUpdate({ updates = [] }: UpdateQueryNode): string | null {
  return isEmpty(updates) ? NOTHING_TO_WRITE : null
}

const unless = (holds: boolean, reason: string): string | null => (holds ? null : reason)
const refused = (): string => 'not-postgres'

/** By kind of node: what is wrong with the text that it writes, null if nothing is. */
const rules = new Map<string, (node: never) => string | null>([
  ['RawNode', faultOfRaw],
  ['ValueNode', faultOfValue],
  ['BinaryOperationNode', faultOfComparison],
  ['InsertQueryNode', faultOfInsert],
  ['UpdateQueryNode', faultOfUpdate],
  ['OnConflictNode', ({ updates }: OnConflictNode) => (isEmpty(updates) ? NOTHING_TO_WRITE : null)],
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

/** What changes the session, and so the connection for whoever is given it next; COPY leaves it out of step. */
const OF_A_SESSION =
  /^\s*(?:begin|start|commit|end|abort|rollback(?!\s+to\b)|set(?!\s+(?:local|transaction|constraints)\b)|reset|discard|(?:un)?listen|prepare|deallocate|copy)\b/i

/**
 * What is wrong with a whole statement, null if nothing is. The builder runs statements about rows only: tables are made by
 * migrations, with another role.
 */
export function faultOfStatement({ kind }: OperationNode, text: string): string | null {
  if (!STATEMENTS.has(kind)) return 'no-statement'
  return kind === 'RawNode' && OF_A_SESSION.test(text) ? 'session-statement' : null
}

/**
 * What is wrong with a node, null if nothing is. Kysely freezes the nodes that it makes, FETCH aside, which has no text of
 * its own; what a body was parsed to is not frozen, and `eb.and([…])` takes anything for a node.
 */
export function faultOfNode(node: OperationNode): string | null {
  if (typeof node !== 'object' || node === null) return 'forged-node'
  if (!Object.isFrozen(node) && node.kind !== 'FetchNode') return 'forged-node'
  const rule = rules.get(node.kind)
  return rule === undefined ? null : rule(node as never)
}
