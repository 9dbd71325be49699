import type { SqlOptions } from './options.ts'
import type { RoleFacts } from './rights.ts'

/** One thing that the role should not have, or lacks. */
export interface RightFinding {
  /** What is wrong, in one line. */
  readonly sentence: string
  /** The statement that mends it. */
  readonly line: string
}

/** A quoted identifier, as PostgreSQL's quote_ident() writes it. */
function ident(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

interface Declared {
  readonly whole: ReadonlySet<string>
  readonly columns: ReadonlyMap<string, ReadonlySet<string>>
}

const COLUMNS = /^(\w+) \((.+)\)$/

function declare(rights: readonly string[]): Declared {
  const whole = new Set<string>()
  const columns = new Map<string, Set<string>>()
  for (const right of rights) {
    const [, name, list] = COLUMNS.exec(right) ?? []
    if (name === undefined || list === undefined) whole.add(right)
    else columns.set(name, new Set([...(columns.get(name) ?? []), ...list.split(', ')]))
  }
  return { whole, columns }
}

/** Compares what the role may do with what is declared. */
export function findings(facts: RoleFacts, options: Readonly<SqlOptions>): RightFinding[] {
  const role = ident(facts.role)
  if (facts.attributes.some(({ role: of, attribute }) => of === role && attribute === 'SUPERUSER'))
    return [
      {
        sentence: `${role} is a superuser: grants and row-level security do not bind it`,
        line: `CREATE ROLE app LOGIN PASSWORD '…'; -- and connect as it`,
      },
    ]
  return [
    ...ofTheRole(facts, role),
    ...owned(facts, role),
    ...ofTables(facts, options, role),
    ...settings(facts, options, role),
  ]
}

function ofTheRole({ attributes }: RoleFacts, role: string): RightFinding[] {
  return attributes.map(({ role: of, attribute }) => {
    if (attribute === 'MEMBER') return { sentence: `${role} is a member of ${of}`, line: `REVOKE ${of} FROM ${role};` }
    if (of === role) return { sentence: `${role} has ${attribute}`, line: `ALTER ROLE ${role} NO${attribute};` }
    return { sentence: `${role} may become ${of}, which has ${attribute}`, line: `REVOKE ${of} FROM ${role};` }
  })
}

function owned({ owned: things }: RoleFacts, role: string): RightFinding[] {
  return things.map(({ kind, name, owner }) =>
    owner === role
      ? { sentence: `${role} owns ${kind.toLowerCase()} ${name}`, line: `ALTER ${kind} ${name} OWNER TO app_owner;` }
      : {
          sentence: `${role} may become ${owner}, which owns ${kind.toLowerCase()} ${name}`,
          line: `REVOKE ${owner} FROM ${role};`,
        },
  )
}

function ofTables({ granted, tables }: RoleFacts, { rights }: Readonly<SqlOptions>, role: string): RightFinding[] {
  const found: RightFinding[] = []
  const declared = new Map(Object.entries(rights).map(([name, list]) => [name, declare(list)]))
  const held = new Set<string>()
  for (const { table, quoted, right, column, grantee } of granted) {
    if (right === 'CREATE ON SCHEMA') {
      found.push({
        sentence: `${role} may create in schema ${quoted}`,
        line: `REVOKE CREATE ON SCHEMA ${quoted} FROM ${grantee};`,
      })
      continue
    }
    held.add(`${table} ${right} ${column ?? ''}`)
    const { whole, columns } = declared.get(table) ?? {
      whole: new Set<string>(),
      columns: new Map<string, Set<string>>(),
    }
    if (whole.has(right) || (column !== null && columns.get(right)?.has(column))) continue
    const on = column === null ? right : `${right} (${ident(column)})`
    found.push({ sentence: `${role} has ${on} on ${quoted}`, line: `REVOKE ${on} ON ${quoted} FROM ${grantee};` })
  }
  const existing = new Set(tables.map(({ name }) => name))
  for (const [name, { whole, columns }] of declared) {
    const quoted = name.split('.').map(ident).join('.')
    if (!existing.has(name)) {
      found.push({ sentence: `there is no table ${quoted}`, line: `-- create ${quoted}, or remove it from \`rights\`` })
      continue
    }
    for (const right of whole)
      if (![...held].some((one) => one.startsWith(`${name} ${right} `)))
        found.push({ sentence: `${role} lacks ${right} on ${quoted}`, line: `GRANT ${right} ON ${quoted} TO ${role};` })
    for (const [right, list] of columns)
      for (const column of list)
        if (!held.has(`${name} ${right} ${column}`) && !held.has(`${name} ${right} `))
          found.push({
            sentence: `${role} lacks ${right} (${ident(column)}) on ${quoted}`,
            line: `GRANT ${right} (${ident(column)}) ON ${quoted} TO ${role};`,
          })
  }
  return found
}

function settings(
  { tables, statementTimeout }: RoleFacts,
  { rowSecurity = [] }: Readonly<SqlOptions>,
  role: string,
): RightFinding[] {
  const found: RightFinding[] = []
  for (const name of rowSecurity) {
    const table = tables.find((one) => one.name === name)
    if (table === undefined || table.secured) continue
    const quoted = name.split('.').map(ident).join('.')
    found.push({
      sentence: `${quoted} has no row-level security`,
      line: `ALTER TABLE ${quoted} ENABLE ROW LEVEL SECURITY;`,
    })
  }
  if (statementTimeout === '0')
    found.push({
      sentence: `statements of ${role} may run for ever`,
      line: `ALTER ROLE ${role} SET statement_timeout = '5s';`,
    })
  return found
}
