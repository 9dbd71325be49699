import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'

/** What the private address answers, by path. Null: 503. */
export type Facts = Readonly<
  Record<
    string,
    () =>
      | { readonly type: string; readonly body: string }
      | null
      | Promise<{ readonly type: string; readonly body: string }>
  >
>

/** The address where operators, orchestrators and services look. It has no route that changes anything. */
export class Operation {
  readonly #server: Server

  private constructor(facts: Facts) {
    const answer: RequestListener = (request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://operation')
      const fact = Object.hasOwn(facts, pathname) ? facts[pathname] : undefined
      if (fact === undefined) return void response.writeHead(404).end()
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
      }
      Promise.resolve(fact()).then(
        (found) => {
          if (found === null) return response.writeHead(503, { 'cache-control': 'no-store' }).end()
          response.writeHead(200, {
            'cache-control': 'no-store',
            'content-type': found.type,
            'content-length': Buffer.byteLength(found.body),
          })
          response.end(request.method === 'HEAD' ? undefined : found.body)
        },
        () => response.writeHead(500).end(),
      )
    }
    this.#server = createServer({ requestTimeout: 5_000, headersTimeout: 2_000 }, answer)
  }

  static async listen(
    facts: Facts,
    { host, port }: { readonly host: string; readonly port: number },
  ): Promise<Operation> {
    const operation = new Operation(facts)
    operation.#server.listen({ host, port })
    await once(operation.#server, 'listening')
    return operation
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
