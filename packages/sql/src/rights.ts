import type { SecureDatabase } from './secure-database.ts'
import { sql } from './sql.ts'

/** The role as the database knows it: what it is, or may become by SET ROLE. */
export interface RoleFacts {
  readonly role: string
  readonly attributes: readonly { readonly role: string; readonly attribute: string }[]
  readonly owned: readonly { readonly kind: string; readonly name: string; readonly owner: string }[]
  readonly granted: readonly Grant[]
  readonly tables: readonly { readonly name: string; readonly secured: boolean }[]
  readonly statementTimeout: string
}

/** One right on a table, as it was granted. */
export interface Grant {
  readonly table: string
  /** The table's name, quoted where it must be. */
  readonly quoted: string
  readonly right: string
  /** Null: the whole table. */
  readonly column: string | null
  /** The grantee, quoted where it must be; `PUBLIC` is everybody. */
  readonly grantee: string
}

/**
 * Reads what the session's role may do. `session_user` is asked, not `current_user`: an injected RESET ROLE returns to it;
 * and with it every role that it is a member of, inherited or not.
 */
export async function readRights(database: SecureDatabase<never>): Promise<RoleFacts> {
  const { rows } = await database.query<{ role: string; timeout: string }>(
    sql`select session_user::text as role, current_setting('statement_timeout') as timeout`,
  )
  const attributes = await database.query<RoleFacts['attributes'][number]>(sql`
    select quote_ident(r.rolname) as role, a.attribute
    from pg_catalog.pg_roles r
    cross join lateral (values
      ('SUPERUSER', r.rolsuper), ('BYPASSRLS', r.rolbypassrls), ('CREATEROLE', r.rolcreaterole),
      ('CREATEDB', r.rolcreatedb), ('REPLICATION', r.rolreplication),
      ('MEMBER', r.oid < 16384 and r.rolname like 'pg\\_%' and r.rolname <> 'pg_database_owner')
    ) as a (attribute, held)
    where a.held and (
      r.rolname = session_user
      or (pg_has_role(session_user, r.oid, 'MEMBER')
          and not (select rolsuper from pg_catalog.pg_roles where rolname = session_user))
    )
    order by 1, 2`)
  const owned = await database.query<RoleFacts['owned'][number]>(sql`
    with mine as (
      select oid, quote_ident(rolname) as owner from pg_catalog.pg_roles where pg_has_role(session_user, oid, 'MEMBER')
    )
    select 'TABLE' as kind, format('%I.%I', n.nspname, c.relname) as name, m.owner
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace join mine m on m.oid = c.relowner
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|information_schema$)'
    union all
    select 'SCHEMA', quote_ident(n.nspname), m.owner
    from pg_catalog.pg_namespace n join mine m on m.oid = n.nspowner where n.nspname !~ '^(pg_|information_schema$)'
    union all
    select 'ROUTINE', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), m.owner
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace join mine m on m.oid = p.proowner
    where n.nspname !~ '^(pg_|information_schema$)'
    union all
    select 'DATABASE', quote_ident(d.datname), m.owner
    from pg_catalog.pg_database d join mine m on m.oid = d.datdba where d.datname = current_database()
    order by 1, 2`)
  const granted = await database.query<Grant>(sql`
    with mine as (
      select 0::oid as oid, 'PUBLIC' as grantee
      union all
      select oid, quote_ident(rolname) from pg_catalog.pg_roles where pg_has_role(session_user, oid, 'MEMBER')
    ),
    tables as (
      select c.oid, c.relowner, n.nspname || '.' || c.relname as "table", format('%I.%I', n.nspname, c.relname) as quoted,
        coalesce(c.relacl, acldefault('r', c.relowner)) as acl
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|information_schema$)'
    )
    select t."table", t.quoted, a.privilege_type as "right", null as column, m.grantee
    from tables t cross join lateral aclexplode(t.acl) a join mine m on m.oid = a.grantee
    where a.grantee <> t.relowner
    union all
    select t."table", t.quoted, a.privilege_type, f.attname, m.grantee
    from tables t join pg_catalog.pg_attribute f on f.attrelid = t.oid and not f.attisdropped
    cross join lateral aclexplode(f.attacl) a join mine m on m.oid = a.grantee
    where a.grantee <> t.relowner
    union all
    select quote_ident(n.nspname), quote_ident(n.nspname), a.privilege_type || ' ON SCHEMA', null, m.grantee
    from pg_catalog.pg_namespace n
    cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a join mine m on m.oid = a.grantee
    where a.privilege_type = 'CREATE' and a.grantee <> n.nspowner and n.nspname !~ '^(pg_|information_schema$)'
    order by 1, 3, 4`)
  const tables = await database.query<RoleFacts['tables'][number]>(sql`
    select n.nspname || '.' || c.relname as name, c.relrowsecurity as secured
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|information_schema$)'`)
  return {
    role: rows[0]?.role ?? '',
    attributes: attributes.rows,
    owned: owned.rows,
    granted: granted.rows,
    tables: tables.rows,
    statementTimeout: rows[0]?.timeout ?? '0',
  }
}
