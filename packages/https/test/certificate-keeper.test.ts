import { mkdirSync, readdirSync, statSync, chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { acmeSource, type AcmeSourceOptions } from '../src/certificates/acme-source.ts'
import { AskedToWait, reachAuthority, type AcmeAuthority } from '../src/certificates/acme-authority.ts'
import { fileSource } from '../src/certificates/file-source.ts'
import { functionSource } from '../src/certificates/function-source.ts'
import { keep, type Keeper } from '../src/certificates/keeper.ts'
import type { Material } from '../src/certificates/chain.ts'
import type { Source } from '../src/certificates/source.ts'
import { makeCertificate } from './authority.ts'
import { fakeClock } from './fake-clock.ts'
import { folder } from './tls.ts'

const DAY = 86_400_000
const root = await makeCertificate({ ca: true })
const start = Date.now()
const lasting = (days: number, at = start, hosts = ['localhost', '127.0.0.1']) =>
  makeCertificate({ by: root, hosts, from: at - 1000, to: at - 1000 + days * DAY })

interface Kept {
  readonly keeper: Keeper
  readonly clock: ReturnType<typeof fakeClock>
  readonly told: string[]
  readonly served: Material[]
}

function keeping(source: Source, initial?: Material, hosts: string[] = ['localhost']): Kept {
  const clock = fakeClock(start)
  const told: string[] = []
  const served: Material[] = []
  const keeper = keep({
    servedFor: null,
    source,
    initial,
    clock,
    allowUntrusted: false,
    strict: false,
    random: () => 0,
    hosts: () => hosts,
    serve: (material) => void served.push(material),
    tell: (fact, { reason }) => void told.push(reason === undefined ? fact : `${fact}: ${reason as string}`),
  })
  return { keeper, clock, told, served }
}

describe('files', () => {
  const write = (dir: string, { key, cert }: Material) => {
    writeFileSync(join(dir, 'server.key'), key, { mode: 0o600 })
    writeFileSync(join(dir, 'server.pem'), cert)
  }
  const open = async (first: Material) => {
    const dir = folder()
    write(dir, first)
    const source = fileSource({ keyFile: join(dir, 'server.key'), certFile: join(dir, 'server.pem') })
    const kept = keeping(source, first)
    await kept.keeper.start()
    await kept.clock.pass(1000)
    return { ...kept, dir }
  }

  it('that stay as they are are served once, and nobody is told', async () => {
    const { served, told, clock, keeper } = await open(await lasting(3))
    await clock.pass(600_000)
    expect([served.length, told]).toEqual([1, []])
    keeper.stop()
    expect(clock.waiting()).toEqual([])
  })

  it('that are half written are waited for, and count as bad only after ten seconds', async () => {
    const { dir, clock, told, served, keeper } = await open(await lasting(3))
    const next = await lasting(4)
    writeFileSync(join(dir, 'server.pem'), next.cert)
    await clock.pass(8_000)
    expect(told).toEqual([])
    write(dir, next)
    await clock.pass(5_000)
    expect([told, served.at(-1)?.key.toString()]).toEqual([['replaced'], next.key])
    writeFileSync(join(dir, 'server.key'), 'nonsense')
    await clock.pass(120_000)
    expect(told).toEqual(['replaced', expect.stringMatching(/^rejected: the private key is not PEM/)])
    expect(keeper.status().lastError?.reason).toMatch(/is not PEM/)
    expect(served.at(-1)?.key.toString()).toBe(next.key)
    keeper.stop()
  })

  it('that disappear leave the old certificate running, and are told once', async () => {
    const { dir, clock, told, served, keeper } = await open(await lasting(3))
    const { renameSync } = await import('node:fs')
    renameSync(join(dir, 'server.pem'), join(dir, 'gone.pem'))
    await clock.pass(300_000)
    expect(told).toEqual([expect.stringMatching(/^failed: ENOENT/)])
    expect(served).toHaveLength(1)
    keeper.stop()
  })

  it('whose folder is made anew are found again', async () => {
    const { dir, clock, told, keeper } = await open(await lasting(3))
    const { rmSync } = await import('node:fs')
    rmSync(dir, { recursive: true })
    mkdirSync(dir)
    write(dir, await lasting(5))
    await clock.pass(60_000)
    expect(told).toEqual(['replaced'])
    keeper.stop()
  })
})

describe('a new pair', () => {
  it.each<[string, () => Promise<Material>, string]>([
    ['expired', () => lasting(1, start - 5 * DAY), 'the certificate expired on'],
    ['covers less than the one that runs', () => lasting(3, start, ['other.test']), 'does not cover localhost'],
    ['is self-signed', () => makeCertificate(), 'is self-signed'],
  ])('that %s is rejected once, and the old one goes on', async (_, make, reason) => {
    let pair: Material = await lasting(3)
    const { keeper, clock, told, served } = keeping(functionSource(async () => pair, 60))
    await keeper.start()
    pair = await make()
    await clock.pass(600_000)
    expect(told).toEqual([expect.stringContaining(`rejected: `)])
    expect(told[0]).toContain(reason)
    expect(served).toHaveLength(1)
    keeper.stop()
  })

  it('that TLS itself cannot serve is rejected', async () => {
    const [first, second] = [await lasting(3), await lasting(3)]
    let pair: Material = first
    const kept = keeping(functionSource(() => pair, 60))
    kept.served.push = (material: Material) => {
      if (material.key === second.key) throw new Error('ee key too small')
      return 1
    }
    await kept.keeper.start()
    pair = second
    await kept.clock.pass(61_000)
    expect(kept.told).toEqual(['rejected: TLS cannot serve it: ee key too small'])
    kept.keeper.stop()
  })
})

describe('a certificate that nothing replaces', () => {
  it('is told when its last third begins, and when it ends', async () => {
    const { keeper, clock, told } = keeping(
      functionSource(() => pair, 604_800),
      undefined,
    )
    const pair = await lasting(30)
    await keeper.start()
    await clock.pass(20 * DAY - 2000)
    expect(told).toEqual([])
    await clock.pass(2000)
    expect(told).toEqual(['expiring'])
    await clock.pass(10 * DAY)
    expect(told).toEqual(['expiring', 'expired'])
    keeper.stop()
    expect(clock.waiting()).toEqual([])
  })
})

describe('a function', () => {
  it('that fails is asked again after ten seconds, later and later, and then as before', async () => {
    const pair = await lasting(300)
    let fails = false
    let calls = 0
    const { keeper, clock, told } = keeping(
      functionSource(() => {
        calls++
        if (fails) throw new Error('vault is sealed\nsecret')
        return pair
      }, 3600),
    )
    await keeper.start()
    fails = true
    await clock.pass(3_600_000 + 60_000)
    // At 0, 5, 15 and 35 seconds, with the least of all random numbers.
    expect(told).toEqual(Array.from({ length: 4 }, () => 'failed: vault is sealed'))
    fails = false
    await clock.pass(3_600_000)
    expect(keeper.status()).toMatchObject({ lastError: null, nextRenewal: expect.any(Date) })
    expect(calls).toBe(6)
    keeper.stop()
  })

  it.each<[string, () => unknown, RegExp]>([
    ['nothing', () => undefined, /returned no \{ key, cert \}/],
    ['a key alone', () => ({ key: root.key }), /returned no/],
    ['never', () => new Promise(() => {}), /did not answer within 30 s/],
  ])('that returns %s is told', async (_, load, reason) => {
    const { keeper, clock, told } = keeping(functionSource(load, 60))
    const started = keeper.start()
    await clock.pass(31_000)
    await started
    expect(told).toEqual([expect.stringMatching(reason)])
    keeper.stop()
  })
})

describe('ACME', () => {
  const authority = (issue: AcmeAuthority['issue']): AcmeAuthority => ({
    makeKey: async () => root.key,
    issue,
  })
  const options = (dir: string): AcmeSourceOptions => ({
    directory: 'https://ca.test/directory',
    folder: dir,
    retryAfter: 60,
    hosts: () => ['localhost.test'],
    challenges: new Map(),
  })
  const named = (days: number, at: number) => lasting(days, at, ['localhost.test'])

  it('asks for nothing before the plaintext port is open', async () => {
    let asked = 0
    const source = acmeSource(options(folder()), async () =>
      authority(() => {
        asked++
        return named(90, start)
      }),
    )
    const { keeper, clock } = keeping(source, undefined, ['localhost.test'])
    await keeper.start()
    await clock.pass(DAY)
    expect(asked).toBe(0)
    keeper.listening()
    await clock.pass(1)
    expect([asked, keeper.status().names]).toEqual([1, ['localhost.test']])
    keeper.stop()
  })

  it('keeps account and certificate in files that only their owner can read, and uses both again', async () => {
    const dir = folder()
    const accounts: string[] = []
    const reach = async () =>
      authority(async (key) => {
        accounts.push(key)
        return named(90, start)
      })
    for (let turn = 0; turn < 2; turn++) {
      const { keeper, clock } = keeping(acmeSource(options(dir), reach), undefined, ['localhost.test'])
      await keeper.start()
      keeper.listening()
      await clock.pass(1)
      expect(keeper.status().nextRenewal?.getTime()).toBeCloseTo(start + 58.5 * DAY, -4)
      keeper.stop()
    }
    expect(accounts).toEqual([root.key])
    const files = readdirSync(dir).filter((name) => name.endsWith('.pem'))
    expect(files.map((name) => statSync(join(dir, name)).mode & 0o777)).toEqual([0o600, 0o600])
    chmodSync(join(dir, files[0] as string), 0o644)
    const { keeper } = keeping(acmeSource(options(dir), reach))
    await expect(keeper.start()).rejects.toMatchObject({ code: 'PTC_HTTPS_KEY_EXPOSED' })
  })

  it('renews before two thirds of the lifetime are over, and nobody is warned', async () => {
    let asked = 0
    const { keeper, clock, told } = keeping(
      acmeSource(options(folder()), async () =>
        authority(() => {
          asked++
          return named(90, clock.now())
        }),
      ),
      undefined,
      ['localhost.test'],
    )
    await keeper.start()
    keeper.listening()
    await clock.pass(70 * DAY)
    expect([asked, told]).toEqual([2, ['replaced', 'replaced']])
    keeper.stop()
  })

  it('tries again later and later while the authority is down, and as late as it asks', async () => {
    const failures: Error[] = [new Error('down'), new Error('down'), new AskedToWait(429, 7200), new Error('down')]
    const at: number[] = []
    const source = acmeSource(options(folder()), async () =>
      authority(async () => {
        at.push((clock.now() - start) / 1000)
        const failure = failures.shift()
        if (failure !== undefined) throw failure
        return named(90, clock.now())
      }),
    )
    const { keeper, clock, told } = keeping(source, undefined, ['localhost.test'])
    await keeper.start()
    keeper.listening()
    await clock.pass(DAY)
    expect(at).toEqual([0, 30, 90, 7290, 7530])
    expect(told.map((fact) => fact.split(':', 1)[0])).toEqual(['failed', 'failed', 'failed', 'failed', 'replaced'])
    keeper.stop()
  })

  it('does not keep a certificate for other names', async () => {
    const dir = folder()
    const source = acmeSource(options(dir), async () => authority(async () => lasting(90)))
    const strict = keeping(source, await named(90, start), ['localhost.test'])
    await strict.keeper.start()
    strict.keeper.listening()
    await strict.clock.pass(1)
    expect(strict.told[1]).toMatch(/rejected: the certificate does not cover localhost.test/)
    expect(readdirSync(dir).filter((name) => /^localhost.*pem$/.test(name))).toEqual([])
    strict.keeper.stop()
  })

  it('does not ask at once when a process that failed is started again and again', async () => {
    const dir = folder()
    const at: number[] = []
    let down = true
    const started = async (seconds: number) => {
      const source = acmeSource(options(dir), async () =>
        authority(async () => {
          at.push((kept.clock.now() - start) / 1000)
          if (down) throw new Error('down')
          return named(90, kept.clock.now())
        }),
      )
      const kept = keeping(source, undefined, ['localhost.test'])
      await kept.keeper.start()
      kept.keeper.listening()
      await kept.clock.pass(seconds * 1000)
      kept.keeper.stop()
    }
    const failed = (): string[] => readdirSync(dir).filter((name) => name.endsWith('.failed'))
    await started(1)
    await expect.poll(failed).toHaveLength(1)
    // Each start of the test's clock is the same moment.
    await started(29)
    expect(at).toEqual([0])
    down = false
    await started(31)
    expect(at).toEqual([0, 30])
    await expect.poll(failed).toEqual([])
  })

  it('tells why an authority cannot be reached', async () => {
    const authority = await reachAuthority({ directory: 'https://127.0.0.1:9/dir' })
    const key = await authority.makeKey()
    await expect(authority.issue(key, ['localhost.test'], () => () => {})).rejects.toThrow(/reached: .*ECONNREFUSED/)
  })

  it('asked for two names at once makes one account', async () => {
    const dir = folder()
    const accounts: string[] = []
    let made = 0
    const begin = async (name: string) => {
      const reach = async (): Promise<AcmeAuthority> => ({
        makeKey: async () => `key ${++made}`,
        async issue(key) {
          accounts.push(key)
          return lasting(90, start, [name])
        },
      })
      const kept = keeping(acmeSource({ ...options(dir), hosts: () => [name] }, reach), undefined, [name])
      await kept.keeper.start()
      return kept
    }
    const both = await Promise.all([begin('a.test'), begin('b.test')])
    for (const { keeper } of both) keeper.listening()
    await Promise.all(both.map(({ clock }) => clock.pass(1)))
    expect([made, accounts]).toEqual([1, ['key 1', 'key 1']])
    for (const { keeper } of both) keeper.stop()
  })

  it('without its package says what to install', async () => {
    const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    await expect(reachAuthority({ directory: 'https://ca.test/dir' }, () => Promise.reject(missing))).rejects.toThrow(
      'Run npm install acme-client',
    )
  })
})
