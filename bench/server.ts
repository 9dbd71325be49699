import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import type { Answer, Cpu, Question, Setup } from './comparison.ts'

/** A header field of an answer. */
export type Field = readonly [name: string, value: string]

/** Keeps a process, and what it begins, on one core; nothing where there is no `taskset`. */
function pin(process: number | undefined, core: number): void {
  if (process !== undefined) spawnSync('taskset', ['-acp', String(core), String(process)])
}

/** A subject's server, in a process of its own. */
export class Server {
  readonly subject: string
  readonly #child: ChildProcess
  readonly #path: string
  #port = 0

  private constructor(subject: string, child: ChildProcess, path: string) {
    this.subject = subject
    this.#path = path
    this.#child = child
  }

  /** Starts a subject and waits until it listens. */
  static async start(
    comparison: string,
    subject: string,
    setup: Setup,
    { execArgv = [], core, path = '/' }: { execArgv?: readonly string[]; core?: number; path?: string } = {},
  ): Promise<Server> {
    const child = fork(new URL('./serve.ts', import.meta.url), [comparison, subject], {
      execArgv: [...execArgv],
      env: { ...process.env, NODE_ENV: 'production' },
    })
    if (core !== undefined) pin(child.pid, core)
    const server = new Server(subject, child, path)
    try {
      const answer = await server.#ask({ ask: 'listen', setup })
      if (!('port' in answer)) throw new Error(`${subject} does not start: ${'failed' in answer ? answer.failed : ''}`)
      server.#port = answer.port
      return server
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.#path}`
  }

  /** Microseconds of CPU that the process has used. */
  async cpu(): Promise<Cpu> {
    const answer = await this.#ask({ ask: 'cpu' })
    if (!('cpu' in answer)) throw new Error(`${this.subject}: ${'failed' in answer ? answer.failed : 'no figures'}`)
    return answer.cpu
  }

  /** The status and header fields of one answer, as sent. */
  async fields(
    headers: Readonly<Record<string, string>>,
    method = 'GET',
    body?: string,
  ): Promise<{ status: number; fields: Field[]; bytes: number }> {
    return new Promise((resolve, reject) => {
      const sent = request(this.url, { headers, method }, (response) => {
        const { rawHeaders } = response
        let bytes = 0
        response.on('data', (chunk: Buffer) => (bytes += chunk.length))
        response.on('end', () => {
          const fields = rawHeaders.flatMap((name, at): Field[] =>
            at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? '']] : [],
          )
          resolve({ status: response.statusCode ?? 0, fields, bytes })
        })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  /** Lets the process end by itself, and so write its profile. */
  async finish(): Promise<void> {
    const gone = once(this.#child, 'exit')
    if (this.#child.connected) this.#child.disconnect()
    await gone
  }

  /** Ends the process: by itself, for it may have begun another; by force if it does not. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const force = setTimeout(() => this.#child.kill('SIGKILL'), 2000)
    await this.finish()
    clearTimeout(force)
  }

  async #ask(question: Question): Promise<Answer> {
    const answered = once(this.#child, 'message').then(([answer]) => answer as Answer)
    const died = once(this.#child, 'exit').then((): Answer => ({ failed: 'its process ended' }))
    this.#child.send(question)
    return Promise.race([answered, died])
  }
}
