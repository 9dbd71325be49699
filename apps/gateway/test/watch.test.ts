import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { developmentCertificates } from '@portcullis/https'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { GatewayServer } from '../src/index.ts'
import { FileWatch, printOf } from '../src/watch.ts'
import { configFor, start, startService, writeConfig } from './stage.ts'

// Every way in which a file comes to hold something else.

const soon = { timeout: 10_000, interval: 50 }

async function stage(more: Parameters<typeof configFor>[1] = {}) {
  const service = await startService()
  const text = (rewrite: string): string => configFor(service.port, { ...more, rewrite })
  const config = writeConfig(text('/old'))
  return { service, text, ...config }
}

const answer = async ({ ports }: GatewayServer): Promise<string> =>
  (await fetch(`http://127.0.0.1:${ports.public}/a`)).text()

const becomes = (gateway: GatewayServer, text: string): Promise<void> =>
  vi.waitFor(async () => expect(await answer(gateway)).toBe(text), soon)

/** How often the file was read again, by what became of it. */
async function reloads({ ports }: GatewayServer, outcome: 'done' | 'refused'): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${ports.operation}/metrics`)).text()
  return Number(new RegExp(`^gateway_reloads_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

it.each<[string, (file: string, text: string) => void | Promise<void>]>([
  ['written over', (file, text) => writeFileSync(file, text)],
  [
    'replaced by another of its name',
    (file, text) => {
      writeFileSync(`${file}.next`, text)
      renameSync(`${file}.next`, file)
    },
  ],
  [
    'emptied, and written in two halves',
    async (file, text) => {
      writeFileSync(file, '')
      await wait(50)
      writeFileSync(file, text.slice(0, text.length / 2))
      await wait(50)
      writeFileSync(file, text)
    },
  ],
  [
    'removed for a while',
    async (file, text) => {
      unlinkSync(file)
      await wait(1_500)
      writeFileSync(file, text)
    },
  ],
  [
    'a folder for a while',
    async (file, text) => {
      unlinkSync(file)
      mkdirSync(file)
      await wait(1_500)
      rmSync(file, { recursive: true })
      writeFileSync(file, text)
    },
  ],
  [
    'replaced by one that is as old, and as long',
    (file, text) => {
      const old = readFileSync(file)
      const time = new Date(1_700_000_000_000)
      writeFileSync(`${file}.next`, text.padEnd(old.length))
      utimesSync(`${file}.next`, time, time)
      renameSync(`${file}.next`, file)
    },
  ],
])('a file that is %s is read', async (_how, change) => {
  const { file, text } = await stage()
  const gateway = await start(file, {}, true)
  expect(await answer(gateway)).toBe('"/old"')
  await change(file, text('/new'))
  await becomes(gateway, '"/new"')
})

it.each([
  ['beside it, as Kubernetes switches ..data', '..data/gateway.yaml'],
  ['above it, as deployments switch current', null],
])('a link that is switched %s is followed', async (_how, link) => {
  const { folder, text } = await stage()
  const turn = (name: string): string => {
    const path = join(folder, `..${name}`)
    mkdirSync(path)
    writeFileSync(join(path, 'gateway.yaml'), text(`/${name}`))
    writeFileSync(join(path, 'gateway.key'), readFileSync(join(folder, 'gateway.key')))
    symlinkSync(path, join(folder, '..data.next'))
    renameSync(join(folder, '..data.next'), join(folder, '..data'))
    return path
  }
  turn('one')
  const file = join(folder, link === null ? '..data/gateway.yaml' : 'gateway.yaml')
  if (link !== null) {
    rmSync(file)
    symlinkSync(link, file)
  }
  const gateway = await start(file, {}, true)
  expect(await answer(gateway)).toBe('"/one"')
  turn('two')
  await becomes(gateway, '"/two"')
  rmSync(join(dirname(file), '..one'), { recursive: true, force: true })
  expect(await answer(gateway)).toBe('"/two"')
})

it('a file that never comes to rest is read all the same', { timeout: 30_000 }, async () => {
  const { file, text } = await stage()
  const gateway = await start(file, {}, true)
  let turn = 0
  const timer = setInterval(() => writeFileSync(file, `${text('/new')}# ${turn++}\n`), 10)
  onTestFinished(() => clearInterval(timer))
  await vi.waitFor(async () => expect(await answer(gateway)).toBe('"/new"'), { timeout: 20_000, interval: 50 })
  expect(turn).toBeGreaterThan(100)
})

it('what a refused file names is looked after: the secret comes later', async () => {
  const { file, folder, text } = await stage()
  const gateway = await start(file, {}, true)
  writeFileSync(file, `${text('/new').replace('issuer: gateway', "issuer: '${file:secrets/name}'")}`)
  await vi.waitFor(async () => expect(await reloads(gateway, 'refused')).toBe(1), soon)
  mkdirSync(join(folder, 'secrets'))
  writeFileSync(join(folder, 'secrets/name'), 'gateway')
  await becomes(gateway, '"/new"')
})

it('a secret that changes is read, and so is what changes while the file is read', async () => {
  const { file, folder, text } = await stage()
  writeFileSync(join(folder, 'place'), '/old')
  writeFileSync(file, text('${file:place}'))
  const starting = start(file, {}, true)
  // It has been read: the rooms are made ready now, and nothing looks at files yet.
  writeFileSync(join(folder, 'place'), '/new')
  await becomes(await starting, '"/new"')
})

it('certificates that change are served, also where no room looks after them', async () => {
  const { file, folder, text } = await stage()
  const renew = async (turn: number): Promise<string> => {
    const hosts = ['localhost', `turn-${turn}.test`]
    const { key, cert, ca } = await developmentCertificates(join(folder, 'authority'), { hosts })
    writeFileSync(join(folder, 'server.key'), key, { mode: 0o600 })
    writeFileSync(join(folder, 'server.pem'), cert)
    return ca
  }
  const ca = await renew(1)
  const tls = 'port: 0, tls: { keyFile: server.key, certFile: server.pem } }'
  writeFileSync(file, text('/a').replaceAll('port: 0 }', tls))
  const { ports } = await start(file, {}, true)
  const names = (port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () => {
        resolve(String(socket.getPeerCertificate().subjectaltname))
        socket.destroy()
      }).once('error', reject)
    })
  expect([await names(ports.public), await names(ports.operation)].join()).not.toContain('turn-2')
  await renew(2)
  for (const port of [ports.public, ports.operation]) {
    await vi.waitFor(async () => expect(await names(port)).toContain('turn-2.test'), soon)
  }
})

it('a hundred changes at once are one change, and none is none', async () => {
  const { file } = await stage()
  let changes = 0
  const watching = new FileWatch(new Map([[file, printOf(file)]]), () => changes++)
  onTestFinished(() => watching.stop())
  await wait(1_000)
  expect(changes).toBe(0)
  for (let turn = 0; turn < 100; turn++) writeFileSync(file, String(turn))
  await vi.waitFor(() => expect(changes).toBe(1), soon)
  await wait(1_000)
  expect(changes).toBe(1)
})

it('reloads that are asked for at once are one', async () => {
  const { file, text } = await stage()
  const gateway = await start(file)
  writeFileSync(file, text('/new'))
  await Promise.all(Array.from({ length: 100 }, () => gateway.reload()))
  expect(await answer(gateway)).toBe('"/new"')
  expect(await reloads(gateway, 'done')).toBeLessThanOrEqual(2)
})
