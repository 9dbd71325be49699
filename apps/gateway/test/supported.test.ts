import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { command } from './process.ts'

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  engines: { node: string }
}

/** The command, on a Node that says that it is another one. */
async function helpOn(version: string): Promise<[number | null, string]> {
  const versions = `{ ...process.versions, node: '${version}' }`
  const module = `data:text/javascript,Object.defineProperty(process, 'versions', { value: ${versions} })`
  const run = command(['--help'], { NODE_OPTIONS: `--import=${encodeURI(module)}` })
  return [await run.ended, run.output()]
}

it.each(['20.20.2', '22.18.0', '23.11.1', '24.0.0'])(
  'says on Node %s what it needs, and nothing else',
  async (version) => {
    expect(engines.node).toBe('^22.19.0 || >=24.1')
    expect(await helpOn(version)).toEqual([1, `gateway-server needs Node 22.19, 24.1 or later; this is ${version}\n`])
  },
)

it.each(['22.19.0', '24.1.0', '25.0.0', '100.0.0'])('begins on Node %s', async (version) => {
  expect(await helpOn(version)).toEqual([0, expect.stringContaining('--check')])
})
