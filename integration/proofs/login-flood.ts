import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Figure, Size } from '../proof.ts'
import type { LoginLoad } from '../test/login-process.ts'

/** A flood of logins takes the places of `password.concurrency` and `password.queue`: other routes and the memory feel nothing of it. */
export async function prove(size: Size): Promise<Figure[]> {
  const child = fork(new URL('../test/login-process.ts', import.meta.url), { execArgv: [] })
  const port = (await once(child, 'message'))[0] as number
  try {
    const figures = await flood(
      child,
      port,
      size === 'full' ? { callers: 200, logins: 10_000 } : { callers: 150, logins: 300 },
    )
    return figures.filter(({ bound }) => size === 'full' || !bound.endsWith('ms'))
  } finally {
    const exited = once(child, 'exit')
    child.disconnect()
    await exited
  }
}

interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
}

async function flood(
  child: ChildProcess,
  port: number,
  { callers, logins }: { readonly callers: number; readonly logins: number },
): Promise<Figure[]> {
  const crowd = new Agent({ keepAlive: true, maxSockets: callers })
  const visitor = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (agent: Agent, path: string, body?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST'
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      request({ host: '127.0.0.1', port, path, method, headers, agent }, (answer) => {
        answer.resume()
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] }))
      })
        .on('error', reject)
        .end(body)
    })
  const loadOf = async (): Promise<LoginLoad> => {
    child.send('load')
    return (await once(child, 'message'))[0] as LoginLoad
  }
  const body = JSON.stringify({ password: 'the wrong password' })
  await ask(crowd, '/login', body)
  const before = await loadOf()

  const counts = { hashed: 0, turnedAway: 0, others: 0 }
  let left = logins
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const { status, retryAfter } = await ask(crowd, '/login', body)
      if (status === 401) counts.hashed++
      else if (status === 503 && Number(retryAfter) >= 1) counts.turnedAway++
      else counts.others++
      // Whoever is turned away comes again, though not as fast as this machine can answer: that is measured elsewhere.
      if (status === 503) await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  let over = false
  const flooding = Promise.all(Array.from({ length: callers }, caller)).then(() => (over = true))
  const times: number[] = []
  let unhealthy = 0
  while (!over) {
    const start = performance.now()
    const { status } = await ask(visitor, '/health')
    times.push(performance.now() - start)
    if (status !== 200) unhealthy++
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await flooding
  const load = await loadOf()
  crowd.destroy()
  visitor.destroy()
  times.sort((one, other) => one - other)
  const p99 = times[Math.floor(times.length * 0.99)] ?? 0
  const grown = Math.max(0, load.memory - before.memory) / 2 ** 20
  const figure = (name: string, value: string, bound: string, ok: boolean): Figure => ({
    name: `login flood, ${callers} callers, ${logins} logins: ${name}`,
    figure: value,
    bound,
    ok,
  })
  const { hashed, turnedAway, others } = counts
  return [
    figure(
      'answered 401, 503 with Retry-After, otherwise',
      `${hashed}, ${turnedAway}, ${others}`,
      'otherwise 0',
      others === 0,
    ),
    figure('of them turned away', String(turnedAway), 'more than 0', turnedAway > 0),
    figure(
      'health answers, not 200',
      `${times.length}, ${unhealthy}`,
      'not 200: 0',
      unhealthy === 0 && times.length > 0,
    ),
    figure('health answers, 99th percentile', `${p99.toFixed(1)} ms`, 'at most 250 ms', p99 <= 250),
    figure(
      'event-loop delay, 99th percentile (most)',
      `${load.delay99.toFixed(1)} ms (${load.delayMost.toFixed(1)} ms)`,
      'at most 100 ms',
      load.delay99 <= 100,
    ),
    figure('memory grown by', `${grown.toFixed(0)} MiB`, 'at most 256 MiB', grown <= 256),
  ]
}
