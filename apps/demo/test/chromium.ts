import { createHash, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { connect } from 'node:tls'
import { type Browser, chromium } from 'playwright-core'

const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)

/** A real browser that takes the certificates of these URLs, and no other unknown one. Null: none is installed. */
export async function startChromium(urls: readonly string[], ca: string): Promise<Browser | null> {
  if (program === undefined) {
    if (process.env['CI'] !== undefined) throw new Error('Chromium is not installed')
    return null
  }
  const keys = await Promise.all(urls.map((url) => publicKeyHash(new URL(url), ca)))
  return chromium.launch({
    executablePath: program,
    args: [
      '--no-sandbox',
      `--ignore-certificate-errors-spki-list=${keys.join(',')}`,
      // Reports are sent within a second, not within a minute.
      '--short-reporting-delay',
    ],
  })
}

function publicKeyHash({ hostname, port }: URL, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), servername: hostname, ca }, () => {
      const { raw } = socket.getPeerCertificate()
      const key = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' })
      socket.destroy()
      resolve(createHash('sha256').update(key).digest('base64'))
    })
    socket.on('error', reject)
  })
}
