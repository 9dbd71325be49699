/** Runs the long proofs at full size: `pnpm prove [name…]`, one line a figure, exit code 1 if one is short. */
import { basename, join } from 'node:path'
import { files, root } from './workspace.ts'

/** One figure of a proof, against its bound. */
interface Figure {
  readonly name: string
  /** What was measured, with its unit. */
  readonly figure: string | number
  /** What it is held to, with its unit. */
  readonly bound: string | number
  readonly ok: boolean
}

type Proof = (size: 'full' | 'small') => Promise<readonly Figure[]>

/** A proof needs nothing that another may leave behind: they run one after another. */
async function run(name: string, file: string): Promise<boolean> {
  try {
    const module = (await import(join(root, file))) as { default?: Proof; prove?: Proof }
    const proof = module.default ?? module.prove
    if (proof === undefined) throw new Error('exports no proof')
    const figures = await proof('full')
    for (const { name: figureName, figure, bound, ok } of figures) {
      console.log(`${figureName}  ${figure}  ${bound}  ${ok ? 'ok' : 'short'}`)
    }
    return figures.length > 0 && figures.every(({ ok }) => ok)
  } catch (error) {
    console.log(`${name}  ${String(error)}  to run  short`)
    return false
  }
}

const proofs = new Map(files('integration/proofs/*.ts').map((file) => [basename(file, '.ts'), file]))
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !proofs.has(name))
for (const name of unknown)
  console.log(`no proof is named ${name}; there are: ${[...proofs.keys()].join(', ') || 'none'}`)

let short = unknown.length > 0
for (const [name, file] of proofs) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  if (!(await run(name, file))) short = true
}
// A proof may leave sockets to close by themselves: the verdict does not wait for them.
process.exit(short ? 1 : 0)
