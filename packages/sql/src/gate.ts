import {
  PostgresQueryCompiler,
  type CompiledQuery,
  type OperationNode,
  type QueryId,
  type RootOperationNode,
} from 'kysely'
import { errors } from './errors.ts'
import { SqlError } from './failure.ts'
import { faultOfNode, isStatement, LIST_FOR_A_VALUE } from './node-rules.ts'

/** What a gate and its connections tell, and to whom. */
export interface Listeners {
  /** Told of each refused query: why, never what it said. */
  readonly onRefused?: (reason: string) => void
  /** Told of each failure of the database or of a value, as it was mapped. */
  readonly onFailed?: (error: SqlError) => void
}

/**
 * Admits a query by where it comes from: nodes of the builder, and texts of real templates. It compiles queries itself
 * and remembers them; what it has not compiled does not run.
 */
export class Gate {
  readonly #compiled = new WeakSet<object>()
  readonly #listeners: Listeners

  constructor(listeners: Listeners) {
    this.#listeners = listeners
  }

  compiler(): PostgresQueryCompiler {
    return new GatedCompiler(this)
  }

  remember(query: CompiledQuery): void {
    this.#compiled.add(query)
  }

  /** @throws SqlError unless this very query was compiled here */
  inspect(query: CompiledQuery): void {
    if (!this.#compiled.has(query)) this.refuse('forged-query')
  }

  /** @throws SqlError */
  refuse(reason: string): never {
    if (reason === LIST_FOR_A_VALUE) {
      const error = new SqlError(errors.PTC_SQL_VALUE_REFUSED.with({ detail: { reason } }))
      this.#listeners.onFailed?.(error)
      throw error
    }
    this.#listeners.onRefused?.(reason)
    throw new SqlError(errors.PTC_SQL_QUERY_REFUSED.with({ detail: { reason } }), new Error(`refused: ${reason}`))
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
    if (!isStatement(node)) this.#gate.refuse('no-statement')
    const query = super.compileQuery(node, queryId)
    this.#gate.remember(query)
    return query
  }
}
