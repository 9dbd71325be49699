import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ApiKeyEntry, createApiKey } from '@portcullis/auth'

/** A module beside a file. @returns its path */
export function writeCode(folder: string, text: string): string {
  const path = join(folder, 'code.mjs')
  writeFileSync(path, text)
  return path
}

/** A key, and its entry. */
export const masum: { readonly key: string; readonly entry: ApiKeyEntry } = createApiKey({
  subject: 'masum',
  roles: ['operator'],
})

/** Finds the key of masum, and answers `/status` with the process that does. */
export const findsKeys = `
const entry = ${JSON.stringify(masum.entry)}
export default {
  options: { auth: { apiKeys: { find: (id) => (id === entry.id ? entry : null) } } },
  routes(scope) {
    const security = { auth: { roles: ['operator'] } }
    scope.get('/status', { config: { security } }, async () => ({ process: process.pid }))
  },
}
`
