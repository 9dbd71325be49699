#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { readConfig } from './config.ts'
import { startGateway } from './gateway-server.ts'

const USAGE = `gateway-server [--check] [--no-watch] gateway.yaml

  --check     reads the file, says what is wrong with it, and ends
  --no-watch  reads the file again on SIGHUP alone

SIGHUP reads the file again; SIGTERM and SIGINT end the process once what is under way is answered.
`

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: { check: { type: 'boolean' }, watch: { type: 'boolean', default: true }, help: { type: 'boolean' } },
  })
  const [file] = positionals
  if (values.help === true || file === undefined || positionals.length > 1) {
    process.stderr.write(USAGE)
    process.exitCode = values.help === true ? 0 : 2
  } else if (values.check === true) {
    readConfig(file, process.env)
    process.stdout.write(`${file} is valid\n`)
  } else await run(file, values.watch)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function run(file: string, watch: boolean): Promise<void> {
  const gateway = await startGateway({ file, watch })
  process.on('SIGHUP', () => {
    gateway.reload().catch((error: Error) => process.stderr.write(`not reloaded: ${error.message}\n`))
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void gateway.close())
}
