import type { SecureDatabase } from './secure-database.ts'
import { sql } from './sql.ts'

/** The role as the database knows it: what it is, or may become by SET ROLE. Names are quoted where they must be. */
export interface RoleFacts {
  readonly role: string
  readonly superuser: boolean
  readonly statementTimeout: string
  readonly idleTimeout: string
  readonly attributes: readonly { readonly role: string; readonly attribute: string }[]
  readonly owned: readonly { readonly kind: string; readonly name: string; readonly owner: string }[]
  readonly granted: readonly Grant[]
  /** By the name as it is declared. */
  readonly objects: readonly { readonly name: string; readonly secured: boolean; readonly routine: boolean }[]
  readonly views: readonly View[]
  /** Declared names of tables and columns, as PostgreSQL quotes them: keywords too. */
  readonly quoted: ReadonlyMap<string, string>
}

/** One right, as it was granted. */
export interface Grant {
  readonly kind: 'TABLE' | 'ROUTINE' | 'SCHEMA' | 'DATABASE'
  /** The name as it is declared. */
  readonly name: string
  readonly quoted: string
  readonly right: string
  /** Null: the whole table. */
  readonly column: string | null
  readonly quotedColumn: string | null
  /** Whose rights a routine acts with, null: its caller's. */
  readonly actsAs: string | null
  /** `PUBLIC` is everybody. */
  readonly grantee: string
  /** Null: the owner. */
  readonly grantor: string | null
  readonly grantable: boolean
}

/** A view that reads a table with row-level security past its policies. */
export interface View {
  readonly name: string
  readonly quoted: string
  readonly materialized: boolean
  /** The table, as it is declared. */
  readonly table: string
}

/**
 * Reads what the session's role may do. `session_user` is asked, not `current_user`: an injected RESET ROLE returns to it;
 * and with it every role that it is a member of, inherited or not.
 * @param declared names of tables and routines, `schema.name`
 * @param columns names of declared columns
 */
export async function readRights(
  database: SecureDatabase<never>,
  declared: readonly string[],
  columns: readonly string[],
): Promise<RoleFacts> {
  const { rows } = await database.query<Pick<RoleFacts, 'role' | 'superuser' | 'statementTimeout' | 'idleTimeout'>>(sql`
    select quote_ident(rolname) as role, rolsuper as superuser,
      current_setting('statement_timeout') as "statementTimeout",
      current_setting('idle_in_transaction_session_timeout') as "idleTimeout"
    from pg_catalog.pg_roles where rolname = session_user`)
  const self = rows[0] ?? { role: '', superuser: false, statementTimeout: '0', idleTimeout: '0' }
  const attributes = await database.query<RoleFacts['attributes'][number]>(sql`
    select quote_ident(r.rolname) as role, a.attribute
    from pg_catalog.pg_roles r
    cross join lateral (values
      ('BYPASSRLS', r.rolbypassrls), ('CREATEROLE', r.rolcreaterole), ('SUPERUSER', r.rolsuper),
      ('CREATEDB', r.rolcreatedb), ('REPLICATION', r.rolreplication),
      ('MEMBER', r.oid < 16384 and r.rolname like 'pg\\_%' and r.rolname <> 'pg_database_owner')
    ) as a (attribute, held)
    where a.held and pg_has_role(session_user, r.oid, 'MEMBER')
    order by 1, 2`)
  const owned = await database.query<RoleFacts['owned'][number]>(sql`
    with mine as (
      select oid, quote_ident(rolname) as owner from pg_catalog.pg_roles where pg_has_role(session_user, oid, 'MEMBER')
    )
    select case c.relkind when 'S' then 'SEQUENCE' else 'TABLE' end as kind,
      format('%I.%I', n.nspname, c.relname) as name, m.owner
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace join mine m on m.oid = c.relowner
    where n.nspname !~ '^(pg_|information_schema$)' and (c.relkind in ('r', 'p', 'v', 'm', 'f') or (
      -- The sequence of a column is its table's.
      c.relkind = 'S' and not exists (
        select from pg_catalog.pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i') and d.refobjsubid > 0)))
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
  const objects = await database.query<RoleFacts['objects'][number]>(sql`
    select n.nspname || '.' || c.relname as name, c.relrowsecurity as secured, false as routine
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname || '.' || c.relname = any(${declared}::text[])
    union all
    select distinct n.nspname || '.' || p.proname, false, true
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname || '.' || p.proname = any(${declared}::text[])`)
  const parts = [...new Set([...declared.flatMap((name) => name.split('.')), ...columns])]
  const quoted = await database.query<{ name: string; quoted: string }>(
    sql`select name, quote_ident(name) as quoted from unnest(${parts}::text[]) name`,
  )
  return {
    ...self,
    attributes: attributes.rows,
    owned: owned.rows,
    granted: await readGrants(database, declared),
    objects: objects.rows,
    views: await readViews(database, declared),
    quoted: new Map(quoted.rows.map((row) => [row.name, row.quoted])),
  }
}

/**
 * Rights on tables, columns, schemas and the database, and on routines that act with their owner's rights. Of the system's
 * own tables and routines those alone that somebody has granted since (`pg_init_privs`).
 */
async function readGrants(database: SecureDatabase<never>, declared: readonly string[]): Promise<Grant[]> {
  const { rows } = await database.query<Grant>(sql`
    with mine as (
      select 0::oid as oid, 'PUBLIC' as grantee
      union all
      select oid, quote_ident(rolname) from pg_catalog.pg_roles where pg_has_role(session_user, oid, 'MEMBER')
    ),
    schemas as (
      select oid, nspname, nspname = 'pg_catalog' as system, nspowner, nspacl
      from pg_catalog.pg_namespace where nspname !~ '^(pg_toast|pg_temp|information_schema$)'
    ),
    objects as (
      select 'TABLE' as kind, 'pg_class'::regclass::oid as class, c.oid, 0 as sub, n.system, c.relowner as owner,
        n.nspname || '.' || c.relname as name, format('%I.%I', n.nspname, c.relname) as quoted,
        null::name as "column", coalesce(c.relacl, acldefault('r', c.relowner)) as acl, false as definer
      from pg_catalog.pg_class c join schemas n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f')
      union all
      select 'TABLE', 'pg_class'::regclass, c.oid, f.attnum, n.system, c.relowner,
        n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname), f.attname, f.attacl, false
      from pg_catalog.pg_class c join schemas n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute f on f.attrelid = c.oid
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and not f.attisdropped and f.attacl is not null
      union all
      select 'ROUTINE', 'pg_proc'::regclass, p.oid, 0, n.system, p.proowner, n.nspname || '.' || p.proname,
        format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), null,
        coalesce(p.proacl, acldefault('f', p.proowner)), p.prosecdef
      from pg_catalog.pg_proc p join schemas n on n.oid = p.pronamespace
      where case when n.system then p.proacl is not null else
        p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        and (p.prosecdef or n.nspname || '.' || p.proname = any(${declared}::text[])) end
      union all
      select 'SCHEMA', 'pg_namespace'::regclass, oid, 0, system, nspowner, nspname, quote_ident(nspname), null,
        coalesce(nspacl, acldefault('n', nspowner)), false
      from schemas where not system
      union all
      select 'DATABASE', 'pg_database'::regclass, oid, 0, false, datdba, datname, quote_ident(datname), null,
        coalesce(datacl, acldefault('d', datdba)), false
      from pg_catalog.pg_database where datname = current_database()
    )
    select o.kind, o.name, o.quoted, a.privilege_type as "right", o."column", quote_ident(o."column") as "quotedColumn",
      case when o.definer then quote_ident(pg_get_userbyid(o.owner)) end as "actsAs", m.grantee,
      case when a.grantor <> o.owner then quote_ident(pg_get_userbyid(a.grantor)) end as grantor,
      a.is_grantable as grantable
    from objects o cross join lateral aclexplode(o.acl) a join mine m on m.oid = a.grantee
    where a.grantee <> o.owner and (o.kind in ('TABLE', 'ROUTINE') or a.privilege_type = 'CREATE')
      and not (o.system and exists (
        select from pg_catalog.pg_init_privs i cross join lateral aclexplode(i.initprivs) b
        where i.classoid = o.class and i.objoid = o.oid and i.objsubid = o.sub
          and b.grantee = a.grantee and b.privilege_type = a.privilege_type))
    order by o.kind, o.name, o."column" nulls first, 4`)
  return rows
}

/**
 * Views whose owner the policies of a declared table do not bind, or would not once it has row-level security: a superuser,
 * a role with BYPASSRLS, the table's owner. A view with `security_invoker` reads as its caller does; a materialized one
 * holds the rows that its owner has read.
 */
async function readViews(database: SecureDatabase<never>, declared: readonly string[]): Promise<View[]> {
  const { rows } = await database.query<View>(sql`
    with recursive reads as (
      select distinct v.oid as view, d.refobjid as read, v.relkind = 'm' as materialized, v.relowner as owner,
        not exists (
          select from pg_options_to_table(v.reloptions)
          where option_name = 'security_invoker' and option_value::boolean) as definer
      from pg_catalog.pg_rewrite r
      join pg_catalog.pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm')
      join pg_catalog.pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid
    ),
    paths as (
      select view, read, materialized, case when definer then owner end as reader from reads
      union
      -- Each reader on the way by itself: a row for each of their combinations could be very many.
      select p.view, r.read, p.materialized or r.materialized, w.reader
      from paths p join reads r on r.view = p.read
      cross join lateral (values (p.reader), (case when r.definer then r.owner end)) w (reader)
    )
    select distinct vn.nspname || '.' || v.relname as name, format('%I.%I', vn.nspname, v.relname) as quoted,
      p.materialized, tn.nspname || '.' || t.relname as "table"
    from paths p
    join pg_catalog.pg_class v on v.oid = p.view join pg_catalog.pg_namespace vn on vn.oid = v.relnamespace
    join pg_catalog.pg_class t on t.oid = p.read join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
    where tn.nspname || '.' || t.relname = any(${declared}::text[]) and (p.materialized or exists (
      select from pg_catalog.pg_roles w
      where w.oid = p.reader and (
        w.rolsuper or w.rolbypassrls or (pg_has_role(w.oid, t.relowner, 'USAGE') and not t.relforcerowsecurity))))
    order by 1`)
  return rows
}
