import {
  PostgresQueryCompiler,
  type CompiledQuery,
  type OperationNode,
  type QueryId,
  type RootOperationNode,
} from 'kysely'
import { errors } from './errors.ts'
import { SqlError } from './failure.ts'
import { faultOfNode, faultOfStatement, isOfAValue } from './node-rules.ts'

/** What a gate and its connections tell, and to whom. */
export interface Listeners {
  /** Told of each refused query: why, never what it said. */
  readonly onRefused?: (reason: string) => void
  /** Told of each failure of the database or of a value, as it was mapped. */
  readonly onFailed?: (error: SqlError) => void
}

/**
 * Admits a query by where it comes from: nodes of the builder, and texts of real templates. What it has not compiled
 * itself does not run.
 */
export class Gate {
  readonly #listeners: Listeners

  constructor(listeners: Listeners) {
    this.#listeners = listeners
  }

  compiler(): PostgresQueryCompiler {
    return new GatedCompiler(this)
  }

  /** @throws SqlError unless this very query was compiled here */
  inspect(query: CompiledQuery): void {
    if (!AdmittedQuery.isOf(this, query)) this.refuse('forged-query')
  }

  /** @throws SqlError */
  refuse(reason: string): never {
    if (isOfAValue(reason)) {
      const error = new SqlError(errors.PTC_SQL_VALUE_REFUSED.with({ detail: { reason } }))
      this.#listeners.onFailed?.(error)
      throw error
    }
    this.#listeners.onRefused?.(reason)
    throw new SqlError(errors.PTC_SQL_QUERY_REFUSED.with({ detail: { reason } }), new Error(`refused: ${reason}`))
  }
}

/** A query that a gate has compiled: a private name, which no data and no copy has, says so. */
class AdmittedQuery implements CompiledQuery {
  readonly #gate: Gate
  readonly query: RootOperationNode
  readonly queryId: QueryId
  readonly sql: string
  readonly parameters: readonly unknown[]

  constructor(gate: Gate, { query, queryId, sql, parameters }: CompiledQuery) {
    this.#gate = gate
    this.query = query
    this.queryId = queryId
    this.sql = sql
    this.parameters = parameters
    Object.freeze(this)
  }

  static isOf(gate: Gate, query: object): boolean {
    return #gate in query && query.#gate === gate
  }
}

class GatedCompiler extends PostgresQueryCompiler {
  readonly #gate: Gate

  constructor(gate: Gate) {
    super()
    this.#gate = gate
    const visit = this.visitNode
    // Kysely comes through here for every node of a tree, the innermost values included.
    Object.defineProperty(this, 'visitNode', {
      value: (node: OperationNode): void => {
        const fault = faultOfNode(node)
        if (fault !== null) gate.refuse(fault)
        visit(node)
      },
    })
  }

  override compileQuery(node: RootOperationNode, queryId: QueryId): CompiledQuery {
    const compiled = super.compileQuery(node, queryId)
    const fault = faultOfStatement(node, compiled.sql)
    if (fault !== null) this.#gate.refuse(fault)
    return new AdmittedQuery(this.#gate, compiled)
  }
}
