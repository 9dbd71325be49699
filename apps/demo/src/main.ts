import { defaultPorts } from './addresses.ts'
import { startDemo } from './start.ts'
import { instructions } from './instructions.ts'

const starting = new AbortController()
const stop = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      starting.abort()
      resolve()
    })
  }
})

/** A variable that is set to nothing is not set. */
function setting(name: string): string | undefined {
  return process.env[name] || undefined
}

function port(name: string, fallback: number): number {
  const text = setting(name)
  if (text === undefined) return fallback
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new Error(`${name} is not a port: 0 to 65535.`)
  return Number(text)
}

try {
  const demo = await startDemo({
    ports: {
      gateway: port('GATEWAY_PORT', defaultPorts.gateway),
      plaintext: port('PLAINTEXT_PORT', defaultPorts.plaintext),
      app: port('APP_PORT', defaultPorts.app),
      operation: port('OPERATION_PORT', defaultPorts.operation),
    },
    databaseUrl: setting('DATABASE_URL'),
    redisUrl: setting('REDIS_URL'),
    certificateFolder: setting('CERTIFICATE_FOLDER'),
    logLevel: setting('LOG_LEVEL') ?? 'warn',
  })
  if (!starting.signal.aborted) process.stdout.write(instructions(demo))
  await stop
  await demo.close()
} catch (error) {
  process.stderr.write(`The demo did not start: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
// Nothing is left to do; signal handlers alone keep no process alive.
