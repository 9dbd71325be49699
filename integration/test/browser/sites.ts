/// <reference lib="dom" />
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { developmentCertificates, plaintextAddress } from '@portcullis/https'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Browser, type BrowserContext, chromium, type Frame, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'

/** Key and certificate, PEM, good for every site of the file. */
export interface Pair {
  readonly key: string
  readonly cert: string
}

/** One server and the host names under which a browser finds it, on port 443 and, if it listens there, on 80. */
export interface Site {
  readonly hosts: readonly string[]
  /** Makes the app; with `plaintext` it is one without TLS, found on port 80. */
  readonly app: (pair: Pair) => FastifyInstance | Promise<FastifyInstance>
  readonly plaintext?: boolean
}

const names = ['chromium', 'chromium-browser', 'google-chrome']
const folders = ['/usr/bin', ...(process.env['PATH'] ?? '').split(delimiter)]
const program =
  process.env['CHROMIUM'] ??
  folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path))

/**
 * Opens the sites before a file's tests and one Chromium that resolves exactly their names, and closes all after them.
 * Names under `.test` on the ports 80 and 443: browsers treat them as they treat the Internet's, unlike `*.localhost`.
 * @returns `visit`, which opens a page. The pages of one test share a profile that begins without cookies, caches and
 * remembered policies.
 */
export function openSites(sites: readonly Site[]): { visit: (url: string) => Promise<Page> } {
  const apps: FastifyInstance[] = []
  const folder = mkdtempSync(join(tmpdir(), 'sites-'))
  let browser: Browser | undefined
  let context: BrowserContext | undefined

  beforeAll(async () => {
    if (program === undefined) {
      if (process.env['CI'] !== undefined) throw new Error('Chromium is not installed')
      return
    }
    const hosts = sites.flatMap((site) => site.hosts)
    const { key, cert } = await developmentCertificates(folder, { hosts })
    const rules: string[] = []
    for (const site of sites) {
      const app = await site.app({ key, cert })
      apps.push(app)
      await app.listen({ host: '127.0.0.1', port: 0 })
      const here = (app.server.address() as AddressInfo).port
      const plain = plaintextAddress(app)?.port
      for (const host of site.hosts) {
        rules.push(`MAP ${host}:${site.plaintext === true ? 80 : 443} 127.0.0.1:${here}`)
        if (plain !== undefined) rules.push(`MAP ${host}:80 127.0.0.1:${plain}`)
      }
    }
    browser = await chromium.launch({
      executablePath: program,
      args: [
        '--no-sandbox',
        `--host-resolver-rules=${[...rules, 'MAP * ~NOTFOUND'].join(', ')}`,
        // This key is believed, and no other unknown one: HSTS counts only over connections without a complaint.
        `--ignore-certificate-errors-spki-list=${publicKeyHash(cert)}`,
      ],
    })
  })
  beforeEach(async ({ skip }) => {
    if (browser === undefined) return skip('Chromium is not installed')
    context = await browser.newContext()
    context.setDefaultTimeout(10_000)
  })
  afterEach(() => context?.close())
  afterAll(async () => {
    await browser?.close()
    await Promise.all(apps.map((app) => app.close()))
    rmSync(folder, { recursive: true, force: true })
  })

  return {
    async visit(url) {
      const page = await (context as BrowserContext).newPage()
      await page.goto(url)
      return page
    },
  }
}

function publicKeyHash(cert: string): string {
  const key = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(key).digest('base64')
}

/** A site of empty pages that anybody may frame and script. */
export const emptyPages = (...hosts: string[]): Site => ({
  hosts,
  app(pair) {
    const app = Fastify({ https: pair }) as unknown as FastifyInstance
    app.get('/', (_request, reply) => reply.type('text/html').send('<!doctype html><title>A page</title>'))
    return app
  },
})

/** How a script asks. */
export interface Asking {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly credentials?: 'include'
}

/** What a script could read of an answer. */
export interface Reading {
  readonly status: number
  readonly body: string
  readonly fields: Readonly<Record<string, string>>
}

/** Fetches from a page's script. Null: the browser kept the answer from it. */
export function read(from: Page | Frame, url: string, init: Asking = {}): Promise<Reading | null> {
  return from.evaluate(
    async ([target, how]) => {
      try {
        const response = await fetch(target, how)
        return {
          status: response.status,
          body: await response.text(),
          fields: Object.fromEntries(response.headers.entries()),
        }
      } catch {
        return null
      }
    },
    [url, init] as const,
  )
}

/** One answer as the server gave it. */
export interface Given {
  readonly method: string
  readonly url: string
  readonly origin: string | undefined
  readonly status: number
  /** The CORS fields it carried. */
  readonly granted: readonly string[]
}

/** Writes down every answer that runs hooks. Register it after the rooms. */
export function witness(app: FastifyInstance, into: Given[]): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    into.push({
      method: request.method,
      url: request.url,
      origin: request.headers.origin,
      status: reply.statusCode,
      granted: Object.keys(reply.getHeaders()).filter((name) => name.startsWith('access-control-')),
    })
    done(null, payload)
  })
}
