import { mkdtempSync, rmSync } from 'node:fs'
import http, { type IncomingHttpHeaders } from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developmentCertificates, tlsServerOptions } from '@portcullis/https'
import { afterAll } from 'vitest'

const folders: string[] = []
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})

/** A fresh folder for certificates, gone when the tests of the file are over. */
export const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'portcullis-https-'))
  folders.push(made)
  return made
}

/** One certificate for all tests of a file. */
export const certificates = await developmentCertificates(folder(), { hosts: ['localhost', '127.0.0.1', '::1'] })

/** The `https` part of Fastify's options. */
export const tls = tlsServerOptions({ key: certificates.key, cert: certificates.cert })

export interface Answer {
  readonly status: number
  readonly fields: IncomingHttpHeaders
  readonly body: string
}

/** One request on a connection of its own, to loopback. */
export function ask(
  port: number,
  options: http.RequestOptions & { readonly tls?: boolean; readonly body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { tls: secure = false, body, ...rest } = options
    const given = { host: '127.0.0.1', port, agent: false, ...rest }
    const request = secure ? https.request({ ...given, ca: certificates.ca }) : http.request(given)
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, fields: response.headers, body: text }))
    })
    request.end(body)
  })
}
