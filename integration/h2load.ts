import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { requiredProgram } from '@portcullis/testing/installed'

/** Whether h2load (Debian: nghttp2-client) runs; a line says so if it is missing. */
export const h2loadIsHere = (): boolean => requiredProgram('h2load', '--version')

/** A load by nghttp2's client: eight connections, each with a request or, over HTTP/2, four under way at all times. */
export async function h2load(
  url: string,
  { requests, overHttp2 }: { readonly requests: number; readonly overHttp2: boolean },
): Promise<{ succeeded: number; failed: number }> {
  const given = ['--clients=8', `--requests=${requests}`, ...(overHttp2 ? ['--max-concurrent-streams=4'] : ['--h1'])]
  const child = spawn('h2load', [...given, url], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  await once(child, 'close')
  const told = /^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$/m.exec(output)
  if (told === null) throw new Error(`h2load says: ${output}`)
  const [, succeeded, failed, errored, late] = told.map(Number) as [number, number, number, number, number]
  return { succeeded, failed: failed + errored + late }
}
