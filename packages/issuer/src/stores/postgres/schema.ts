/**
 * The tables of `postgresStore`: run it with a migration of yours, or as it is; running it again changes nothing.
 * The role of the app needs `usage` on the schema, and `select, insert, update, delete` on its tables.
 */
export const postgresSchema: string = `
create schema if not exists portcullis_issuer;

create table if not exists portcullis_issuer.sessions (
  id uuid primary key,
  subject text not null,
  client_id text not null,
  scopes text[] not null,
  claims json not null,
  label text not null,
  auth_time timestamptz not null,
  created_at timestamptz not null,
  last_used_at timestamptz not null,
  idle_until timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz
);
create index if not exists sessions_subject on portcullis_issuer.sessions (subject);
create index if not exists sessions_idle_until on portcullis_issuer.sessions (idle_until);
create index if not exists sessions_ended_at on portcullis_issuer.sessions (ended_at) where ended_at is not null;

create table if not exists portcullis_issuer.refresh_tokens (
  hash text primary key,
  session_id uuid not null references portcullis_issuer.sessions on delete cascade,
  token_id uuid not null,
  issued_at timestamptz not null,
  used_at timestamptz,
  nonce text,
  next_token_id uuid
);
create index if not exists refresh_tokens_session on portcullis_issuer.refresh_tokens (session_id);
create index if not exists refresh_tokens_nonce on portcullis_issuer.refresh_tokens (session_id, used_at) where nonce is not null;

create table if not exists portcullis_issuer.step_ups (
  token_id uuid primary key,
  session_id uuid not null references portcullis_issuer.sessions on delete cascade,
  issued_at timestamptz not null
);
create index if not exists step_ups_session on portcullis_issuer.step_ups (session_id);
create index if not exists step_ups_issued_at on portcullis_issuer.step_ups (issued_at);

create table if not exists portcullis_issuer.keys (
  kid text primary key,
  algorithm text not null,
  state text not null check (state in ('next', 'current', 'retired')),
  public_key text not null,
  private_key text,
  created_at timestamptz not null,
  changed_at timestamptz not null
);
`

/** Every column that the store uses, by table. */
export const postgresColumns: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  [...postgresSchema.matchAll(/create table if not exists portcullis_issuer\.(\w+) \(([^;]+)\);/g)].map(
    ([, table = '', body = '']) => [table, [...body.matchAll(/^ {2}(\w+) /gm)].map(([, column = '']) => column)],
  ),
)
