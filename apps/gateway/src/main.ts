#!/usr/bin/env node
import './supported.ts'
import { onHangUp } from './hang-up.ts'
import { parseArgs } from 'node:util'
import { makeApiKey } from './api-key.ts'
import { closeCode, loadCode } from './code.ts'
import { readConfig } from './config.ts'
import { loggerOf, tryOut } from './gateway.ts'
import { startGateway, type StartOptions } from './gateway-server.ts'

const USAGE = `gateway-server [--check] [--no-watch] [--workers n] [--extend module] gateway.yaml
gateway-server api-key --owner name [--scopes a,b] [--roles a,b] [--days n] [--prefix ptc] [--pepper-file path]

  --check          makes everything ready but the sockets, says what is wrong, and ends
  --no-watch       reads the file again on SIGHUP alone
  --workers n      answers with so many processes
  --extend module  adds what no file can say: the default export of ./code.mjs

SIGHUP reads the file again. SIGTERM and SIGINT end the process once what is under way is answered; a second one at once.
api-key prints a new key, which nothing else ever shows, and the entry for auth.apiKeys.
`

try {
  const [first, ...rest] = process.argv.slice(2)
  if (first === 'api-key') printApiKey(rest)
  else await serve(process.argv.slice(2))
} catch (error) {
  // Code may have left something open.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`, () => process.exit(1))
}

async function serve(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    allowNegative: true,
    options: {
      check: { type: 'boolean' },
      watch: { type: 'boolean', default: true },
      workers: { type: 'string', default: '0' },
      extend: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const [file] = positionals
  const workers = Number(values.workers)
  if (!(Number.isInteger(workers) && workers >= 0 && workers <= 256)) throw new TypeError('--workers is 0 to 256')
  if (values.help === true || file === undefined || positionals.length > 1) {
    process.stderr.write(USAGE)
    process.exitCode = values.help === true ? 0 : 2
  } else if (values.check === true) await check(file, values.extend)
  else await run({ file, watch: values.watch, workers, extend: values.extend })
}

async function check(file: string, extend: string | undefined): Promise<void> {
  const code = await loadCode(extend)
  try {
    const { config, locate } = readConfig(file, process.env, code)
    await tryOut(config, code.extension).catch((error: unknown) => {
      throw locate(error)
    })
  } finally {
    await closeCode(code, loggerOf({ logLevel: 'info' }))
  }
  process.stdout.write(`${file} is valid\n`, () => process.exit())
}

async function run(options: StartOptions): Promise<void> {
  const gateway = await startGateway(options)
  onHangUp(() => {
    gateway.reload().catch((error: Error) => process.stderr.write(`not reloaded: ${error.message}\n`))
  })
  let ending = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (ending) process.exit(1)
      ending = true
      void gateway.close().then(() => process.exit())
    })
  }
}

function printApiKey(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      owner: { type: 'string' },
      scopes: { type: 'string' },
      roles: { type: 'string' },
      days: { type: 'string' },
      prefix: { type: 'string' },
      'pepper-file': { type: 'string' },
    },
  })
  const { owner, scopes, roles, days, prefix, 'pepper-file': pepperFile } = values
  if (owner === undefined) throw new TypeError('api-key needs --owner, the name that its requests are made in')
  const { key, entry } = makeApiKey(
    {
      owner,
      ...(scopes === undefined ? {} : { scopes: scopes.split(',') }),
      ...(roles === undefined ? {} : { roles: roles.split(',') }),
      ...(days === undefined ? {} : { days: Number(days) }),
      ...(prefix === undefined ? {} : { prefix }),
      ...(pepperFile === undefined ? {} : { pepperFile }),
    },
    Date.now(),
  )
  process.stdout.write(`${key}\n\n# for auth.apiKeys.keys, or the file that auth.apiKeys.file names\n${entry}`)
}
