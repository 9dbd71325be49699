import { seededUsers } from './database/seed.ts'
import type { Demo } from './start.ts'

/** What the demo prints once it stands. The lines work when pasted into a shell, in this order. */
export function instructions({ addresses, caFile, database, limits }: Demo): string {
  const [masum, alice] = seededUsers
  const curl = `curl -sS --cacert ${quote(caFile)}`
  const json = (value: object): string => `-H 'content-type: application/json' -d '${JSON.stringify(value)}'`
  const member = (name: string): string => `sed 's/.*"${name}":"\\([^"]*\\)".*/\\1/'`
  const bearer = '-H "authorization: Bearer $TOKEN"'
  const { gateway } = addresses
  return `
Portcullis demo
  gateway      ${gateway}   ${addresses.api}
  plaintext    ${addresses.plaintext}   (redirects or refuses)
  browser app  ${addresses.app}
  openapi      ${gateway}/openapi.json
  operation    ${addresses.operation}/metrics   (for operators alone)
  database     ${database}
  limits       ${limits}
  CA           ${caFile}
  users        ${seededUsers.map((user) => `${user.username} / ${user.password} (user ${user.id}, account ${user.account})`).join('\n               ')}

Try, in this order (the last is refused: the one before it signs out everywhere):
  TOKEN=$(${curl} ${gateway}/login ${json({ username: masum.username, password: masum.password })} | ${member('access_token')})
  ${curl} ${gateway}/users/profile ${bearer}
  ${curl} ${gateway}/transfer ${bearer} ${json({ amount: 125, toAccount: alice.account })}
  KEY=$(${curl} ${gateway}/api-keys ${bearer} ${json({ name: 'shell', scopes: ['users:read'], days: 1 })} | ${member('key')})
  ${curl} '${gateway}/users?search=alice' -H "x-api-key: $KEY"
  ${curl} -X POST ${gateway}/logout/everywhere ${bearer}
  ${curl} ${gateway}/users/profile ${bearer}

Ctrl-C stops everything.
`
}

/** Quoted for a POSIX shell, if it has to be. */
function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}
