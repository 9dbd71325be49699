import {
  PostgresQueryCompiler,
  type CompiledQuery,
  type KyselyPlugin,
  type OperationNode,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  type QueryId,
  type QueryResult,
  type RootOperationNode,
  type UnknownRow,
} from 'kysely'
import { errors } from './errors.ts'
import { SqlError } from './failure.ts'
import { faultOfNode, faultOfStatement, isOfAValue } from './node-rules.ts'

/** What a gate and its connections tell, and to whom. */
export interface Listeners {
  /** Told of each refused query: why, never what it said; and on whose behalf, where that is known. */
  readonly onRefused?: (reason: string, asker?: unknown) => void
  /** Told of each failure of the database or of a value, as it was mapped. */
  readonly onFailed?: (error: SqlError, asker?: unknown) => void
}

/**
 * Admits a query by where it comes from: nodes of the builder, and texts of real templates. What it has not compiled
 * itself does not run.
 */
export class Gate {
  readonly #listeners: Listeners
  /** On whose behalf the next query is compiled: Kysely asks its plugins right before. */
  asker: unknown

  constructor(listeners: Listeners) {
    this.#listeners = listeners
  }

  compiler(): PostgresQueryCompiler {
    return new GatedCompiler(this)
  }

  /**
   * @returns on whose behalf it was compiled
   * @throws SqlError unless this very query was compiled here
   */
  inspect(query: CompiledQuery): unknown {
    return AdmittedQuery.isOf(this, query) ? AdmittedQuery.askerOf(query) : this.refuse('forged-query', undefined)
  }

  /** @throws SqlError */
  refuse(reason: string, asker: unknown = this.asker): never {
    if (isOfAValue(reason)) {
      const error = new SqlError(errors.PTC_SQL_VALUE_REFUSED.with({ detail: { reason } }))
      this.#listeners.onFailed?.(error, asker)
      throw error
    }
    this.#listeners.onRefused?.(reason, asker)
    throw new SqlError(errors.PTC_SQL_QUERY_REFUSED.with({ detail: { reason } }), new Error(`refused: ${reason}`))
  }
}

/** Tells the gate on whose behalf a query is compiled. */
export class AskerPlugin implements KyselyPlugin {
  readonly #gate: Gate
  readonly #asker: unknown

  constructor(gate: Gate, asker: unknown) {
    this.#gate = gate
    this.#asker = asker
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    this.#gate.asker = this.#asker
    return node
  }

  transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return Promise.resolve(result)
  }
}

/** A query that a gate has compiled: a private name, which no data and no copy has, says so. */
class AdmittedQuery implements CompiledQuery {
  readonly #gate: Gate
  readonly #asker: unknown
  readonly query: RootOperationNode
  readonly queryId: QueryId
  readonly sql: string
  readonly parameters: readonly unknown[]

  constructor(gate: Gate, { query, queryId, sql, parameters }: CompiledQuery) {
    this.#gate = gate
    this.#asker = gate.asker
    this.query = query
    this.queryId = queryId
    this.sql = sql
    this.parameters = parameters
    Object.freeze(this)
  }

  static isOf(gate: Gate, query: object): query is AdmittedQuery {
    return #gate in query && query.#gate === gate
  }

  static askerOf(query: AdmittedQuery): unknown {
    return query.#asker
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
    try {
      const compiled = super.compileQuery(node, queryId)
      const fault = faultOfStatement(node, compiled.sql)
      if (fault !== null) this.#gate.refuse(fault)
      return new AdmittedQuery(this.#gate, compiled)
    } finally {
      this.#gate.asker = undefined
    }
  }
}
