import type { SqlOptions } from './options.ts'
import type { Grant, RoleFacts } from './rights.ts'

/** One thing that the role should not have, or lacks. */
export interface RightFinding {
  /** What is wrong, in one line. */
  readonly sentence: string
  /** The statement that mends it. */
  readonly line: string
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

/** The columns that `rights` names, of whatever table. */
export function columnsOf(rights: SqlOptions['rights']): readonly string[] {
  const lists = Object.values(rights).flatMap((list) => [...declare(list).columns.values()])
  return lists.flatMap((list) => [...list])
}

/** Compares what the role may do with what is declared. */
export function findings(facts: RoleFacts, options: Readonly<SqlOptions>): RightFinding[] {
  if (facts.superuser)
    return [
      {
        sentence: `${facts.role} is a superuser: grants and row-level security do not bind it`,
        line: `CREATE ROLE app LOGIN PASSWORD '…'; -- and connect as it`,
      },
    ]
  const declared = new Map(Object.entries(options.rights).map(([name, list]) => [name, declare(list)]))
  return [
    ...ofTheRole(facts),
    ...owned(facts),
    ...facts.granted.flatMap((grant) => excess(grant, declared.get(grant.name), facts)),
    ...lacking(facts, declared),
    ...secured(facts, options),
  ]
}

function ofTheRole({ attributes, role }: RoleFacts): RightFinding[] {
  return attributes.map(({ role: of, attribute }) => {
    if (attribute === 'MEMBER') return { sentence: `${role} is a member of ${of}`, line: `REVOKE ${of} FROM ${role};` }
    if (of === role) return { sentence: `${role} has ${attribute}`, line: `ALTER ROLE ${role} NO${attribute};` }
    return { sentence: `${role} may become ${of}, which has ${attribute}`, line: `REVOKE ${of} FROM ${role};` }
  })
}

function owned({ owned: things, role }: RoleFacts): RightFinding[] {
  return things.map(({ kind, name, owner }) =>
    owner === role
      ? {
          sentence: `${role} owns ${kind.toLowerCase()} ${name}`,
          line: `ALTER ${kind} ${name} OWNER TO app_owner; -- create it first: it owns, and does not log in`,
        }
      : {
          sentence: `${role} may become ${owner}, which owns ${kind.toLowerCase()} ${name}`,
          line: `REVOKE ${owner} FROM ${role};`,
        },
  )
}

/** A right that is not declared, or that may be passed on. */
function excess(grant: Grant, declared: Declared | undefined, { role, quoted: names }: RoleFacts): RightFinding[] {
  const { kind, right, column, quoted, quotedColumn, grantee, grantable } = grant
  const whole = kind !== 'SCHEMA' && kind !== 'DATABASE' && declared?.whole.has(right) === true
  const allowed = whole || (column !== null && declared?.columns.get(right)?.has(column) === true)
  if (allowed && !grantable) return []
  const what = column === null ? right : `${right} (${quotedColumn})`
  const on = `${what} ON ${kind === 'TABLE' ? '' : `${kind} `}${quoted} FROM ${grantee}`
  // A right that was passed on is revoked with those who have it from this role.
  const revoked = `REVOKE ${allowed ? 'GRANT OPTION FOR ' : ''}${on}${grantable ? ' CASCADE' : ''};`
  // Revoked for the table, a right is revoked for each of its columns too.
  const columns = Array.from(declared?.columns.get(right) ?? [], (name) => names.get(name) ?? name).join(', ')
  const again = column === null && columns !== '' ? ` GRANT ${right} (${columns}) ON ${quoted} TO ${role};` : ''
  const line = revoked + (allowed ? '' : again)
  return [
    {
      sentence: allowed ? `${role} may grant ${what} on ${quoted} to others` : sentenceOf(grant, what, role),
      // PostgreSQL revokes what the owner has granted, unless somebody else revokes.
      line: grant.grantor === null ? line : `SET ROLE ${grant.grantor}; ${line} RESET ROLE;`,
    },
  ]
}

function sentenceOf({ kind, quoted, grantee, actsAs }: Grant, what: string, role: string): string {
  const through = grantee === role ? '' : grantee === 'PUBLIC' ? ', as everybody' : `, through ${grantee}`
  switch (kind) {
    case 'TABLE':
      return `${role} has ${what} on ${quoted}${through}`
    case 'ROUTINE':
      return `${role} may execute ${quoted}${actsAs === null ? '' : `, which acts as ${actsAs}`}${through}`
    case 'SCHEMA':
      return `${role} may create in schema ${quoted}${through}`
    case 'DATABASE':
      return `${role} may create schemas in database ${quoted}${through}`
  }
}

function lacking({ objects, granted, quoted, role }: RoleFacts, all: ReadonlyMap<string, Declared>): RightFinding[] {
  const found: RightFinding[] = []
  const held = new Set(granted.map(({ name, right, column }) => `${name} ${right} ${column ?? ''}`))
  const someColumn = new Set(granted.map(({ name, right }) => `${name} ${right}`))
  for (const [name, { whole, columns }] of all) {
    const full = quotedName(name, quoted)
    const lacks = (right: string, on = ''): number =>
      found.push({
        sentence: `${role} lacks ${right} on ${full}`,
        line: `GRANT ${right} ON ${on}${full} TO ${role};`,
      })
    for (const kind of ['table', 'routine'] as const) {
      const rights = [...whole].filter((right) => (right === 'EXECUTE') === (kind === 'routine'))
      if (rights.length === 0 && (kind === 'routine' || columns.size === 0)) continue
      if (!objects.some((one) => one.name === name && one.routine === (kind === 'routine'))) {
        found.push({ sentence: `there is no ${kind} ${full}`, line: `-- create ${full}, or remove it from \`rights\`` })
        continue
      }
      for (const right of rights)
        if (!someColumn.has(`${name} ${right}`)) lacks(right, kind === 'routine' ? 'ROUTINE ' : '')
      if (kind === 'routine') continue
      for (const [right, list] of columns)
        for (const column of list)
          if (!held.has(`${name} ${right} ${column}`) && !held.has(`${name} ${right} `))
            lacks(`${right} (${quoted.get(column) ?? column})`)
    }
  }
  return found
}

function quotedName(name: string, quoted: RoleFacts['quoted']): string {
  return name
    .split('.')
    .map((part) => quoted.get(part) ?? part)
    .join('.')
}

/** Row-level security that is off, or that a view goes round; statements without a limit. */
function secured(
  { objects, views, granted, quoted, role, statementTimeout, idleTimeout }: RoleFacts,
  { rowSecurity = [] }: Readonly<SqlOptions>,
): RightFinding[] {
  const found: RightFinding[] = []
  for (const name of rowSecurity) {
    const table = objects.find((one) => one.name === name && !one.routine)
    if (table === undefined || table.secured) continue
    const full = quotedName(name, quoted)
    found.push({
      sentence: `${full} has no row-level security`,
      line: `ALTER TABLE ${full} ENABLE ROW LEVEL SECURITY;`,
    })
  }
  for (const view of views) {
    if (!rowSecurity.includes(view.table)) continue
    for (const grantee of new Set(granted.filter(({ name }) => name === view.name).map((grant) => grant.grantee)))
      found.push({
        sentence: `${view.quoted} shows ${role} all rows of ${view.table}, past its policies`,
        line: view.materialized
          ? `REVOKE ALL ON ${view.quoted} FROM ${grantee}; -- and remove it from \`rights\``
          : `ALTER VIEW ${view.quoted} SET (security_invoker = true);`,
      })
  }
  if (statementTimeout === '0')
    found.push({
      sentence: `statements of ${role} may run for ever`,
      line: `ALTER ROLE ${role} SET statement_timeout = '5s';`,
    })
  if (idleTimeout === '0')
    found.push({
      sentence: `transactions of ${role} may idle for ever`,
      line: `ALTER ROLE ${role} SET idle_in_transaction_session_timeout = '10s';`,
    })
  return found
}
