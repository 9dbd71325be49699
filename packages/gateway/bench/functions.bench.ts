import { spawnSync } from 'node:child_process'

// What a young collection copies of objects that nobody holds, by where their function is written. Each in a process of
// its own: node packages/gateway/bench/functions.bench.ts

const script = (make: string): string => `
import v8 from 'node:v8'
const make = () => { const held = { bytes: [1, 2, 3] }; ${make} }
const many = () => { for (let at = 0; at < 100; at++) last = make() }
const fill = () => Array.from({ length: 100 }, (_, at) => ({ at, four: [at, at, at, at] }))
let last
let made = 0
const turn = () => {
  many()
  for (let at = 0; at < 8; at++) last = fill()
  made += 100
}
const timer = setInterval(turn, 1)
setTimeout(() => { made = 0; v8.setFlagsFromString('--trace-gc-nvp') }, 1000)
setTimeout(() => { clearInterval(timer); console.log('made=' + made) }, 4000)
`
const WAYS = {
  'assigned to a property': 'const o = {}; o.act = () => held; return o',
  'named first': 'const act = () => held; const o = {}; o.act = act; return o',
}

for (let round = 0; round < 3; round++) {
  for (const [name, make] of Object.entries(WAYS)) {
    const text = String(spawnSync(process.execPath, ['--input-type=module', '-e', script(make)]).stdout)
    const sum = (field: string): number =>
      [...text.matchAll(new RegExp(`\\b${field}=([\\d.]+)`, 'g'))].reduce(
        (total, [, found]) => total + Number(found),
        0,
      )
    const copied = sum('new_space_survived') + sum('promoted')
    console.log(`${name}: ${Math.round(copied / sum('made'))} bytes copied an object`)
  }
}
