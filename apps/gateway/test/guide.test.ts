import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { developmentCertificates } from '@portcullis/https'
import { expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'
import { tryOut } from '../src/gateway.ts'
import { configFor, start, startService, writeConfig } from './stage.ts'

const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/from-nginx-or-kong.md'), 'utf8')
const files = [...guide.matchAll(/^```yaml\n(listen:[^]*?)^```$/gm)].map(([, text]) => text as string)

it.each(files.map((text) => [text.includes('redis:') ? 'Kong' : 'nginx', text]))(
  'the file that does what the one of %s did is valid',
  async (_of, text) => {
    // Whether there is a server, nobody asks before the first request.
    const { file, folder } = writeConfig(text.replace(/^redis: .*$/m, ''))
    const { key, cert } = await developmentCertificates(join(folder, 'own'), { hosts: ['localhost'] })
    writeFileSync(join(folder, 'api.key'), key, { mode: 0o600 })
    writeFileSync(join(folder, 'api.pem'), cert)
    writeFileSync(join(folder, 'api-keys.yaml'), '[]')
    await tryOut(readConfig(file, {}).config)
  },
)

it('both are there', () => expect(files).toHaveLength(2))

it('a path with a star is not the one without, as the guide says', async () => {
  const service = await startService()
  const { ports } = await start(writeConfig(configFor(service.port, { path: '/api/*', rewrite: '/*' })).file)
  const ask = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${ports.public}${path}`)).status
  expect([await ask('/api'), await ask('/api/'), await ask('/api/users?a=1')]).toEqual([404, 200, 200])
  expect(service.asked).toEqual(['GET /', 'GET /users?a=1'])
})
