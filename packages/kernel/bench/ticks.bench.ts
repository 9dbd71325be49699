import { spawnSync } from 'node:child_process'

// What a tick costs after a boot that collected garbage while none was alive, without the kernel and with it. Each in a
// process of its own: node packages/kernel/bench/ticks.bench.ts

const SCRIPT = `
const pause = () => new Promise((resolve) => setTimeout(resolve, 2))
await pause()
for (let round = 0; round < 12; round++) {
  for (let at = 0; at < 5; at++) {
    gc()
    await pause()
  }
  process.nextTick(() => {})
  process.nextTick(() => {}, 1)
}
const run = (turns) => new Promise((resolve) => {
  const turn = () => {
    for (let at = 0; at < 10; at++) process.nextTick(() => {})
    if (--turns > 0) setImmediate(turn)
    else resolve()
  }
  turn()
})
await run(30_000)
const before = process.cpuUsage()
await run(50_000)
const { user, system } = process.cpuUsage(before)
console.log(((user + system) / 500).toFixed(0))
`
const kernel = new URL('../src/index.ts', import.meta.url).href

for (let round = 0; round < 5; round++) {
  const [without, with_] = ['', `import ${JSON.stringify(kernel)}\n`].map((before) =>
    Number(spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', before + SCRIPT]).stdout),
  ) as [number, number]
  console.log(`a tick: ${without} ns without the kernel, ${with_} ns with it (${(without / with_).toFixed(1)})`)
}
