import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

const kernel = new URL('../src/index.ts', import.meta.url).href

/** How many of the ticks that a module asks for are alive after ten collections. */
function alive(asking: string): number {
  const script = `
import { executionAsyncResource } from 'node:async_hooks'
const ticks = []
const { nextTick } = process
process.nextTick = (callback, ...given) => nextTick(() => {
  ticks.push(new WeakRef(executionAsyncResource()))
  callback(...given)
})
${asking}
process.nextTick = nextTick
for (let at = 0; at < 10; at++) {
  await new Promise((resolve) => setTimeout(resolve, 1))
  gc()
}
console.log(ticks.filter((tick) => tick.deref() !== undefined).length)
`
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script])
  return stdout.length === 0 ? expect.fail(stderr.toString()) : Number(stdout)
}

it('two ticks stay alive, so that the class of their objects does', () => {
  expect(alive('for (let at = 0; at < 9; at++) process.nextTick(() => {})')).toBe(0)
  expect(alive(`await import(${JSON.stringify(kernel)})`)).toBeGreaterThanOrEqual(2)
})
