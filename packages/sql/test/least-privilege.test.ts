import { hasPostgres } from '@portcullis/testing/postgres'
import Fastify from 'fastify'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import postgres, { type SqlOptions } from '../src/index.ts'
import { RIGHTS, stage } from './stage.ts'

const at = stage()

/** What the app's start says: nothing if it starts. */
async function boot(options: Partial<SqlOptions> = {}): Promise<string> {
  const app = Fastify()
  try {
    await app.register(postgres, { url: at.url, rights: RIGHTS, ...options })
    return ''
  } catch (error) {
    return (error as Error).message
  } finally {
    await app.close()
  }
}

/** What an injected statement of the role `app` gives. */
async function asApp(text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: at.url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const rowSecurity = ['public.notes']
const view = { rights: { ...RIGHTS, 'public.notes_view': ['SELECT'] }, rowSecurity }
const all = [{ owner: 'alice' }, { owner: 'bob' }]

describe.runIf(hasPostgres)('a role that can', () => {
  it.each<{
    can: string
    given: string
    taken: string
    reads?: string
    gives?: unknown
    options?: object
    line: string
  }>([
    {
      can: 'read every password’s hash',
      given: 'grant select on pg_authid to app',
      taken: 'select 1',
      reads: "select rolname from pg_authid where rolname = 'postgres'",
      gives: [{ rolname: 'postgres' }],
      line: 'REVOKE SELECT ON pg_catalog.pg_authid FROM app;',
    },
    {
      can: 'read every password’s hash, as everybody can',
      given: 'grant select on pg_shadow to public',
      taken: 'select 1',
      line: 'REVOKE SELECT ON pg_catalog.pg_shadow FROM PUBLIC;',
    },
    {
      can: 'read files of the server',
      given: 'grant execute on function pg_read_file(text) to app',
      taken: 'select 1',
      reads: "select pg_read_file('PG_VERSION') <> '' as read",
      gives: [{ read: true }],
      line: 'REVOKE EXECUTE ON ROUTINE pg_catalog.pg_read_file(text) FROM app;',
    },
    {
      can: 'execute what acts as a superuser',
      given: "create function steal() returns setof secrets language sql security definer as 'select * from secrets'",
      taken: 'drop function steal()',
      reads: 'select secret from steal()',
      gives: [{ secret: 'the crown jewels' }],
      line: 'REVOKE EXECUTE ON ROUTINE public.steal() FROM PUBLIC;',
    },
    {
      can: 'pass its rights on',
      given: 'grant select on posts to app with grant option',
      taken: 'select 1',
      line: 'REVOKE GRANT OPTION FOR SELECT ON public.posts FROM app CASCADE;',
    },
    {
      can: 'use what somebody other than the owner has granted',
      given:
        'create role middle; grant select on secrets to middle with grant option; set role middle; grant select on secrets to app; reset role',
      taken: 'drop owned by middle; drop role middle',
      line: 'SET ROLE middle; REVOKE SELECT ON public.secrets FROM app; RESET ROLE;',
    },
    {
      can: 'create schemas',
      given: 'grant create on database postgres to app',
      taken: 'select 1',
      line: 'REVOKE CREATE ON DATABASE postgres FROM app;',
    },
    {
      can: 'set a sequence of its own back',
      given: 'create sequence numbers; alter sequence numbers owner to app',
      taken: 'drop sequence numbers',
      line: 'ALTER SEQUENCE public.numbers OWNER TO app_owner;',
    },
    {
      can: 'read past row-level security through a view',
      given: 'create view notes_view as select owner from notes; grant select on notes_view to app',
      taken: 'drop view notes_view',
      reads: 'select owner from notes_view order by 1',
      gives: all,
      options: view,
      line: 'ALTER VIEW public.notes_view SET (security_invoker = true);',
    },
    {
      can: 'read past row-level security through a view of a view',
      given:
        'create view inner_view as select owner from notes; create view notes_view with (security_invoker) as select owner from inner_view; grant select on notes_view, inner_view to app',
      taken: 'drop view notes_view; drop view inner_view',
      reads: 'select owner from notes_view order by 1',
      gives: all,
      options: { rights: { ...view.rights, 'public.inner_view': ['SELECT'] }, rowSecurity },
      line: 'ALTER VIEW public.inner_view SET (security_invoker = true);',
    },
    {
      can: 'read every row of a table whose row-level security is off, and would through a view when it is on',
      given:
        'create table diary (owner text); create view diary_view as select owner from diary; grant select on diary, diary_view to app',
      taken: 'drop view diary_view; drop table diary',
      options: {
        rights: { ...RIGHTS, 'public.diary': ['SELECT'], 'public.diary_view': ['SELECT'] },
        rowSecurity: ['public.diary'],
      },
      line: 'ALTER VIEW public.diary_view SET (security_invoker = true);',
    },
    {
      can: 'less than is declared, of names that are keywords',
      given: 'create table "order" (id integer, "user" text)',
      taken: 'drop table "order"',
      options: { rights: { ...RIGHTS, 'public.order': ['SELECT', 'UPDATE (user)'] } },
      line: 'GRANT UPDATE ("user") ON public."order" TO app;',
    },
    {
      can: 'more than columns that are declared',
      given: 'create table prices (id integer, "user" text, sum integer); grant select, update on prices to app',
      taken: 'drop table prices',
      options: { rights: { ...RIGHTS, 'public.prices': ['SELECT', 'UPDATE (user, sum)'] } },
      line: 'REVOKE UPDATE ON public.prices FROM app; GRANT UPDATE ("user", sum) ON public.prices TO app;',
    },
    {
      can: 'not execute what is declared',
      given:
        "create function pay(integer) returns integer language sql security definer as 'select $1'; revoke execute on function pay from public",
      taken: 'drop function pay',
      options: { rights: { ...RIGHTS, 'public.pay': ['EXECUTE'] } },
      line: 'GRANT EXECUTE ON ROUTINE public.pay TO app;',
    },
  ])('$can is told so, and the lines mend it', async ({ given, taken, reads, gives, options, line }) => {
    await at.admin.query(given)
    try {
      if (reads !== undefined) expect(await asApp(reads)).toEqual(gives)
      const message = await boot(options)
      expect(message).toMatch(/^PTC_SQL_RIGHTS_EXCESSIVE/)
      expect(message).toContain(line)
      await at.admin.query(
        "do $$ begin if not exists (select from pg_roles where rolname = 'app_owner') then create role app_owner; end if; end $$",
      )
      await at.admin.query(message.split('runs:\n')[1] ?? '')
      expect(await boot(options)).toBe('')
    } finally {
      await at.admin.query(taken)
    }
  })

  it.each([
    [
      'a view that reads as its caller does',
      'create view notes_view with (security_invoker = on) as select owner from notes',
    ],
    [
      'a view whose owner the policies bind',
      'create role reader; grant select on notes to reader; create view notes_view as select owner from notes; alter view notes_view owner to reader',
    ],
  ])('read %s starts', async (_what, given) => {
    await at.admin.query(`${given}; grant select on notes_view to app`)
    try {
      expect(await asApp('select owner from notes_view')).toEqual([])
      expect(await boot(view)).toBe('')
    } finally {
      await at.admin.query('drop view notes_view')
    }
  })

  it('read a materialized view of rows that others may not see is told so', async () => {
    await at.admin.query(
      'create materialized view notes_view as select owner from notes; grant select on notes_view to app',
    )
    try {
      expect(await asApp('select owner from notes_view order by 1')).toEqual(all)
      expect(await boot(view)).toContain('REVOKE ALL ON public.notes_view FROM app;')
    } finally {
      await at.admin.query('drop materialized view notes_view')
    }
  })

  it('execute what is declared starts', async () => {
    await at.admin.query("create function pay(integer) returns integer language sql security definer as 'select $1'")
    try {
      expect(await boot({ rights: { ...RIGHTS, 'public.pay': ['EXECUTE'] } })).toBe('')
      expect(await boot({ rights: { ...RIGHTS, 'public.gone': ['EXECUTE'] } })).toContain(
        'there is no routine public.gone',
      )
    } finally {
      await at.admin.query('drop function pay')
    }
  })

  it('do anything, and is named by a keyword, is called a superuser', async () => {
    await at.admin.query('create role "user" superuser login')
    expect(await boot({ url: at.adminUrl.replace('postgres@', 'user@') })).toContain('"user" is a superuser')
    await at.admin.query('drop role "user"')
  })
})
