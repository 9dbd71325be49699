import { existsSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../src/database/open.ts'

let database: Database
const clients: pg.Client[] = []
const connected = async (connectionString: string) => {
  const client = new pg.Client({ connectionString })
  await client.connect()
  clients.push(client)
  return client
}

beforeAll(async () => {
  database = await openDatabase()
})
afterAll(async () => {
  for (const client of clients) await client.end()
  await database?.close()
})

describe('the role of the user service', () => {
  it.each([
    ['read accounts', 'select * from portcullis_payments.accounts'],
    ['credit an account', 'update portcullis_payments.accounts set balance = 1'],
    ['read sessions', 'select * from portcullis_issuer.sessions'],
    ['read keys of access tokens', 'select * from portcullis_issuer.keys'],
    ['give API keys more scopes', "update portcullis_users.api_keys set scopes = '{x}'"],
    ['delete users', 'delete from portcullis_users.users'],
    ['change passwords', "update portcullis_users.users set password_hash = 'x'"],
    ['change posts', "update portcullis_users.posts set body = 'x'"],
    ['give API keys to others', 'update portcullis_users.api_keys set owner_id = 102'],
    ['drop tables', 'drop table portcullis_users.posts'],
    ['make tables', 'create table public.mine (id integer)'],
    ['make tables in its schema', 'create table portcullis_users.mine (id integer)'],
    ['switch triggers off', 'alter table portcullis_users.users disable trigger all'],
    ['become the owner', 'set role portcullis_owner'],
    ['become the superuser', 'set role postgres'],
    ['make roles', 'create role mine superuser'],
    ['read password hashes of roles', 'select * from pg_authid'],
    ['read the passwords of services', 'select * from portcullis_roles.passwords'],
    ['read files', "select pg_read_file('/etc/passwd')"],
    ['run programs', "copy (select 1) to program 'id'"],
  ])('may not %s', async (_what, statement) => {
    const client = await connected(database.usersUrl)
    await expect(client.query(statement)).rejects.toThrow(/permission denied|must be owner|must have admin|only roles/i)
  })

  it('is an ordinary login role', async () => {
    const client = await connected(database.usersUrl)
    const { rows } = await client.query(
      `select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin
         from pg_roles where rolname = current_user`,
    )
    expect(rows).toEqual([
      {
        rolsuper: false,
        rolcreaterole: false,
        rolcreatedb: false,
        rolreplication: false,
        rolbypassrls: false,
        rolcanlogin: true,
      },
    ])
  })
})

describe('the role of the issuer', () => {
  it.each([
    ['read users', 'select * from portcullis_users.users'],
    ['read accounts', 'select * from portcullis_payments.accounts'],
    ['give sessions to others', "update portcullis_issuer.sessions set subject = '102'"],
    ['make sign-ins look recent', 'update portcullis_issuer.sessions set auth_time = now()'],
    ['prolong sessions beyond their end', 'update portcullis_issuer.sessions set expires_at = now()'],
    ['move refresh tokens', 'update portcullis_issuer.refresh_tokens set session_id = gen_random_uuid()'],
    ['delete used refresh tokens', 'delete from portcullis_issuer.refresh_tokens'],
    ['exchange a public key', "update portcullis_issuer.keys set public_key = 'x'"],
    ['make tables beside the issuer’s', 'create table portcullis_issuer.mine (id integer)'],
  ])('may not %s', async (_what, statement) => {
    const client = await connected(database.issuerUrl)
    await expect(client.query(statement)).rejects.toThrow(/permission denied/)
  })
})

describe('row-level security', () => {
  const as = async (url: string, subject: string | null, statement: string) => {
    const client = await connected(url)
    await client.query('begin')
    try {
      if (subject !== null) await client.query(`select set_config('portcullis.subject', $1, true)`, [subject])
      return await client.query(statement)
    } finally {
      await client.query('rollback')
    }
  }
  const insertKey = (id: string, owner: number) =>
    `insert into portcullis_users.api_keys (id, owner_id, name, hash, scopes, expires_at)
     values ('${id}', ${owner}, 'a', repeat('0', 64), '{}', now() + interval '1 day')`
  const everyKey = 'select owner_id from portcullis_users.api_keys'

  it('shows a statement without a condition the keys of the caller, and the gateway all', async () => {
    const admin = await connected(database.adminUrl)
    await admin.query(`${insertKey('a'.repeat(12), 101)}; ${insertKey('b'.repeat(12), 102)}`)
    const { usersUrl } = database
    expect((await as(usersUrl, '101', everyKey)).rows).toEqual([{ owner_id: 101 }])
    expect((await as(usersUrl, 'gateway', everyKey)).rows).toHaveLength(2)
    for (const nobody of [null, '', '0', '101 or 1=1', 'Gateway'])
      expect((await as(usersUrl, nobody, everyKey)).rows).toEqual([])
    expect((await as(usersUrl, '101', 'delete from portcullis_users.api_keys')).rowCount).toBe(1)
    expect((await as(usersUrl, 'gateway', 'delete from portcullis_users.api_keys')).rowCount).toBe(0)
  })

  it('lets nobody make keys for others, nor the gateway any', async () => {
    const denied = /violates row-level security/
    await expect(as(database.usersUrl, '101', insertKey('c'.repeat(12), 102))).rejects.toThrow(denied)
    await expect(as(database.usersUrl, 'gateway', insertKey('d'.repeat(12), 101))).rejects.toThrow(denied)
  })

  it('lets nobody record a transfer from another’s account', async () => {
    const pay = (from: number, to: number) =>
      `insert into portcullis_payments.transfers (from_account, to_account, amount) values (${from}, ${to}, 1) returning id`
    await expect(as(database.paymentsUrl, '101', pay(1002, 1001))).rejects.toThrow(/violates row-level security/)
    expect((await as(database.paymentsUrl, '101', pay(1001, 1002))).rows).toHaveLength(1)
  })
})

describe('the role of the payment service', () => {
  it.each([
    ['read users', 'select * from portcullis_users.users'],
    ['read sessions', 'select * from portcullis_issuer.sessions'],
    ['read keys', 'select * from portcullis_issuer.keys'],
    ['read API keys', 'select * from portcullis_users.api_keys'],
    ['open accounts', 'insert into portcullis_payments.accounts (owner_id, balance) values (101, 5)'],
    ['give accounts to others', 'update portcullis_payments.accounts set owner_id = 102'],
    ['delete transfers', 'delete from portcullis_payments.transfers'],
    ['change transfers', 'update portcullis_payments.transfers set amount = 1'],
  ])('may not %s', async (_what, statement) => {
    const client = await connected(database.paymentsUrl)
    await expect(client.query(statement)).rejects.toThrow(/permission denied/)
  })

  it('cannot overdraw an account even with a statement of its own', async () => {
    const client = await connected(database.paymentsUrl)
    await expect(client.query('update portcullis_payments.accounts set balance = -1')).rejects.toThrow(
      /check constraint/,
    )
  })
})

describe('the database', () => {
  it('takes no connection without a password', async () => {
    const url = new URL(database.adminUrl)
    url.password = ''
    await expect(connected(url.href)).rejects.toThrow()
  })

  it('keeps what is there when it is opened again', async () => {
    const admin = await connected(database.adminUrl)
    await admin.query('update portcullis_payments.accounts set balance = 7 where id = 1001')
    const again = await openDatabase(database.adminUrl)
    const { rows } = await admin.query('select id, balance from portcullis_payments.accounts order by id')
    expect(rows).toEqual([
      { id: 1001, balance: '7' },
      { id: 1002, balance: '50000' },
    ])
    expect(again.dataFolder).toBeNull()
    await again.close()
    expect((await admin.query('select 1 as alive')).rows).toEqual([{ alive: 1 }])
  })

  it('is opened by several processes at the same moment, and none shuts another out', async () => {
    const opened = await Promise.all([1, 2, 3].map(() => openDatabase(database.adminUrl)))
    for (const { usersUrl, paymentsUrl } of [database, ...opened]) {
      for (const url of [usersUrl, paymentsUrl]) {
        const client = new pg.Client({ connectionString: url })
        await client.connect()
        expect((await client.query('select 1 as alive')).rows).toEqual([{ alive: 1 }])
        await client.end()
      }
    }
  })

  it('is opened by any role that may create roles and owns its database', async () => {
    const admin = await connected(database.adminUrl)
    await admin.query("create role chief login createrole password 'chief-secret'")
    // A role of the same name may be changed only by who made it: this database server has ours already.
    await admin.query(
      'grant portcullis_owner, portcullis_user_service, portcullis_payment_service, portcullis_issuer to chief with admin option',
    )
    await admin.query('create database elsewhere owner chief')
    const url = new URL(database.adminUrl)
    Object.assign(url, { username: 'chief', password: 'chief-secret', pathname: '/elsewhere' })
    const elsewhere = await openDatabase(url.href)
    const users = await connected(elsewhere.usersUrl)
    const { rows } = await users.query('select username from portcullis_users.users order by id')
    expect(rows).toEqual([{ username: 'masum' }, { username: 'alice' }])
  })

  it('leaves no folder behind', async () => {
    const one = await openDatabase()
    const folder = one.dataFolder as string
    expect(existsSync(folder)).toBe(true)
    await one.close()
    expect(existsSync(folder)).toBe(false)
  })
})
