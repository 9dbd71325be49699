import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@portcullis/testing/free-port'
import { expect, it, vi } from 'vitest'
import { makeApiKey } from '../src/api-key.ts'
import { command } from './process.ts'
import { configFor, startService, writeConfig } from './stage.ts'

it(
  'no secret is in any line that it writes, at the level of all lines, whatever goes wrong',
  { timeout: 120_000 },
  async () => {
    const service = await startService()
    const port = await freePort()
    const noRedis = await freePort()
    const { key, entry } = makeApiKey({ owner: 'masum' }, Date.now())
    const secrets = {
      redis: 'redis-password-7f3a',
      pepper: 'pepper-of-at-least-32-characters-9c1e',
      apiKey: key.split('_').at(-1) as string,
      bearer: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJzZWNyZXQtc3ViamVjdCJ9.c2lnbmF0dXJl',
      basic: 'YWxpY2U6aHVudGVyMg',
      cookie: 'session-cookie-51ab',
      query: 'token-in-a-query-4242',
      body: 'a-body-that-is-private',
      misplaced: 'misplaced-secret-77d0',
    }
    const text = configFor(service.port, { policy: '{ auth: {} }' })
      .replace('port: 0 }', `port: ${port} }`)
      .replace('logLevel: silent', 'logLevel: trace')
      .replace(/.*dangerouslyWithoutAuth.*\n/, '')
      .concat(`redis: 'redis://:\${REDIS}@127.0.0.1:${noRedis}'\n`)
      .concat(`auth: { apiKeys: { file: keys.yaml, pepper: '\${file:pepper}' } }\n`)
    const { file, folder, write } = writeConfig(text)
    writeFileSync(join(folder, 'keys.yaml'), entry)
    writeFileSync(join(folder, 'pepper'), secrets.pepper)
    const run = command(['--no-watch', file], { REDIS: secrets.redis, MISPLACED: secrets.misplaced })
    await vi.waitFor(() => expect(run.output()).toContain('gateway: answering'), { timeout: 60_000, interval: 50 })

    const url = `http://127.0.0.1:${port}/a?token=${secrets.query}`
    for (const headers of [
      { 'x-api-key': key },
      { 'x-api-key': `${key.slice(0, -1)}x` },
      { authorization: `Bearer ${secrets.bearer}` },
      { authorization: `Basic ${secrets.basic}` },
      { cookie: `__Host-session=${secrets.cookie}` },
    ]) {
      await fetch(url, { headers: headers as Record<string, string> })
      await fetch(url, { method: 'POST', headers: headers as Record<string, string>, body: secrets.body })
    }

    // A secret in every place that judges it, or that only looks like a reference.
    const wrong = [
      'redis: ${MISPLACED}',
      'logLevel: ${MISPLACED}',
      'drain: { delay: ${MISPLACED} }',
      'cors: { origins: ["${MISPLACED}"] }',
      '${MISPLACED}: 1',
      'https: { hosts: ["${MISPLACED}"] }',
      'rateLimit: { policies: [{ name: "${MISPLACED}", limit: "${MISPLACED}", window: 1, partitionBy: "${MISPLACED}" }] }',
      'listen: { tls: { key: "${MISPLACED}", cert: "${MISPLACED}" } }',
      'listen: { tls: { keyFile: "${MISPLACED}", certFile: pepper } }',
      'operation: { tls: { keyFile: pepper, certFile: pepper } }',
      'auth: { jwt: { issuer: "${MISPLACED}", audience: a, key: "${MISPLACED}", algorithms: [ES256] } }',
      'auth: { apiKeys: { keys: [{ id: "${MISPLACED}", hash: "${MISPLACED}" }] } }',
    ]
    for (const line of wrong) {
      const name = line.split(':')[0] as string
      write(`${text.replace(new RegExp(`^${name}: .*\n`, 'm'), '')}${line}\n`)
      const before = run.output().split('not reloaded').length
      run.process.kill('SIGHUP')
      await vi.waitFor(() => expect([line, run.output().split('not reloaded').length]).toEqual([line, before + 1]), {
        timeout: 10_000,
        interval: 20,
      })
    }
    run.process.kill('SIGTERM')
    await run.ended

    expect(run.lines.length).toBeGreaterThan(20)
    const pem = readFileSync(join(folder, 'gateway.key'), 'utf8').split('\n')[1] as string
    for (const [name, secret] of Object.entries({ ...secrets, pem })) {
      expect([
        name,
        run
          .output()
          .split('\n')
          .filter((line) => line.includes(secret)),
      ]).toEqual([name, []])
    }
  },
)
