import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { configFor, start, startService, writeConfig } from './stage.ts'

it('tells what each route and target did, and nothing that a client wrote', async () => {
  const service = await startService()
  const gateway = await start(writeConfig(configFor(service.port, { path: '/users/:id', rewrite: '/u/:id' })).file)
  const ask = (path: string, method = 'GET'): Promise<Response> =>
    fetch(`http://127.0.0.1:${gateway.ports.public}${path}`, { method })
  await ask('/users/secret-7')
  await ask('/users/8')
  await ask('/nowhere-secret', 'DELETE')
  await gateway.reload()
  const answer = await fetch(`http://127.0.0.1:${gateway.ports.operation}/metrics`)
  const text = await answer.text()
  const target = `upstream="service",target="http://127.0.0.1:${service.port}"`
  expect(text).toContain('gateway_requests_total{route="/users/:id",method="GET",status="200"} 2')
  expect(text).toContain('gateway_requests_total{route="",method="DELETE",status="404"} 1')
  expect(text).toContain(`gateway_forwarded_total{${target},status="200"} 2`)
  expect(text).toContain(`gateway_target_up{${target}} 1`)
  expect(text).toContain('gateway_reloads_total{outcome="done"} 1')
  expect(text).toContain('process_cpu_user_seconds_total')
  expect(text).not.toContain('secret')
})

it('is described in the README, metric by metric', async () => {
  const service = await startService()
  const gateway = await start(writeConfig(configFor(service.port)).file)
  const text = await (await fetch(`http://127.0.0.1:${gateway.ports.operation}/metrics`)).text()
  const told = [...text.matchAll(/^# HELP (gateway_\w+) (.*)$/gm)].map(([, name, help]) => `\`${name}\` ${help}`)
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
  const rows = [...readme.matchAll(/^\| (`gateway_\w+`) \|.*\| (.*) \|$/gm)].map(([, name, help]) => `${name} ${help}`)
  expect(rows.toSorted()).toEqual(told.toSorted())
})

it('answers nothing else at the private address', async () => {
  const service = await startService()
  const gateway = await start(writeConfig(configFor(service.port)).file)
  const status = async (path: string, method = 'GET'): Promise<number> =>
    (await fetch(`http://127.0.0.1:${gateway.ports.operation}${path}`, { method })).status
  expect(
    await Promise.all([status('/'), status('/constructor'), status('/live', 'POST'), status('/live', 'HEAD')]),
  ).toEqual([404, 404, 405, 200])
})
