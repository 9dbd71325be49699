import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from './free-port.ts'

/** A server on loopback that a test may kill, freeze and start again on the same port. */
export abstract class RevivableServer {
  #port = 0
  #process: ChildProcess | null = null

  /** Starts the program; resolves once it answers. It may end instead, where somebody has taken the port meanwhile. */
  protected abstract launch(port: number): Promise<ChildProcess>

  get port(): number {
    return this.#port
  }

  /** Starts it for the first time, on a port of its own. */
  protected async begin(): Promise<this> {
    for (let attempt = 0; attempt < 3; attempt++) {
      this.#port = await freePort()
      await this.revive()
      if (this.#isRunning()) return this
    }
    throw new Error('the server does not start')
  }

  async revive(): Promise<void> {
    this.#process = await this.launch(this.#port)
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name)
  }

  async kill(): Promise<void> {
    const child = this.#process
    if (child === null || !this.#isRunning()) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  #isRunning(): boolean {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null
  }
}
