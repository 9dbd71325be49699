import { seededUsers } from './database/seed.ts'
import type { Demo } from './start.ts'

/** What the demo prints once it stands. The three lines work when pasted into a shell, in this order. */
export function instructions({ addresses, caFile, database, limits }: Demo): string {
  const [masum, alice] = seededUsers
  const curl = `curl -sS --cacert ${quote(caFile)}`
  const body = JSON.stringify({ username: masum.username, password: masum.password })
  return `
Portcullis demo
  gateway      ${addresses.gateway}   ${addresses.api}
  plaintext    ${addresses.plaintext}   (redirects or refuses)
  browser app  ${addresses.app}
  openapi      ${addresses.gateway}/openapi.json
  database     ${database}
  limits       ${limits}
  CA           ${caFile}
  users        ${seededUsers.map((user) => `${user.username} / ${user.password} (user ${user.id}, account ${user.account})`).join('\n               ')}

Try, in this order:
  TOKEN=$(${curl} ${addresses.gateway}/login -H 'content-type: application/json' -d '${body}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  ${curl} ${addresses.gateway}/users/profile -H "authorization: Bearer $TOKEN"
  ${curl} ${addresses.gateway}/transfer -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{"amount":125,"toAccount":${alice.account}}'

Ctrl-C stops everything.
`
}

/** Quoted for a POSIX shell, if it has to be. */
function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}
