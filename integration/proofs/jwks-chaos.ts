import { IdentityProvider, makeKey, type ProviderKey } from '../../packages/auth/test/identity-provider.ts'
import { verifying, type Verifying } from '../../packages/auth/test/verifying.ts'
import type { Figure, Size } from '../proof.ts'

const SUBJECT = 'user-101'

/** An issuer over real TLS that is flooded for, rotates, hangs, is down and sends too much. Time is not real. */
export async function prove(size: Size): Promise<Figure[]> {
  const scenes = [flood, rotation, (provider: IdentityProvider) => outage(provider, size), enormous, removed]
  const figures: Figure[] = []
  for (const scene of scenes) {
    const provider = await IdentityProvider.start()
    try {
      figures.push(...(await scene(provider)))
    } finally {
      await provider.stop()
    }
  }
  return figures
}

async function started(provider: IdentityProvider): Promise<Verifying> {
  const verifier = verifying(provider)
  await verifier.keys.start()
  return verifier
}

const figure = (name: string, value: number, bound: number, unit = ''): Figure => ({
  name,
  figure: `${value}${unit}`,
  bound: `at most ${bound}${unit}`,
  ok: value <= bound,
})

const keyOf = (provider: IdentityProvider, index: number): ProviderKey => provider.keys[index] as ProviderKey

async function flood(provider: IdentityProvider): Promise<Figure[]> {
  const verifier = await started(provider)
  const known = provider.token()
  const stranger = makeKey('stranger')
  const before = provider.asked.keys
  let [accepted, disturbed] = [0, 0]
  for (let turn = 0; turn < 50; turn++) {
    const tokens = Array.from({ length: 20 }, (_, at) => provider.token(stranger, {}, { kid: `bogus-${turn}-${at}` }))
    const outcomes = await Promise.all(tokens.map((token) => verifier.verify(token)))
    accepted += outcomes.filter((outcome) => outcome === SUBJECT).length
    if ((await verifier.verify(known)) !== SUBJECT) disturbed++
    await verifier.pass(0.1)
  }
  return [
    figure('1,000 bogus kids in 5 s: fetches', provider.asked.keys - before, 2),
    figure('1,000 bogus kids in 5 s: accepted', accepted, 0),
    figure('1,000 bogus kids in 5 s: tokens of a known key disturbed', disturbed, 0),
  ]
}

async function rotation(provider: IdentityProvider): Promise<Figure[]> {
  const verifier = await started(provider)
  const stranger = makeKey('stranger')
  let slowest = 0
  for (let turn = 2; turn < 12; turn++) {
    provider.keys.push(makeKey(`key-${turn}`))
    const rotated = provider.token(keyOf(provider, turn - 1))
    let seconds = 0
    // Strangers are always first.
    for (;;) {
      await verifier.verify(provider.token(stranger, {}, { kid: `bogus-${turn}-${seconds}` }))
      if ((await verifier.verify(rotated)) === SUBJECT || seconds > 60) break
      await verifier.pass(0.1)
      seconds = Math.round((seconds + 0.1) * 10) / 10
    }
    slowest = Math.max(slowest, seconds)
  }
  return [figure('10 rotations in a flood: slowest', slowest, 5, ' s')]
}

async function outage(provider: IdentityProvider, size: Size): Promise<Figure[]> {
  const figures: Figure[] = []
  const ways: Readonly<Record<string, NonNullable<IdentityProvider['instead']>>> = {
    hung: () => {},
    down: (request) => void request.socket.destroy(),
  }
  for (const [way, instead] of Object.entries(ways)) {
    provider.instead = undefined
    const verifier = await started(provider)
    const seen = provider.token()
    await verifier.verify(seen)
    provider.instead = instead
    verifier.timeoutMs = size === 'full' ? 500 : 50
    let disturbed = 0
    for (let minute = 0; minute < 30; minute++) {
      await verifier.pass(60)
      const fresh = provider.token(keyOf(provider, 0), { jti: `${way}-${minute}` })
      for (const token of [seen, fresh]) if ((await verifier.verify(token)) !== SUBJECT) disturbed++
    }
    figures.push(figure(`endpoint ${way} for 30 min: of 60 tokens of a known key disturbed`, disturbed, 0))
    const unknown = await verifier.verify(provider.token(makeKey('key-9')))
    figures.push(figure(`endpoint ${way}: a new key answered otherwise than 503`, unknown === 'unavailable' ? 0 : 1, 0))
    verifier.keys.close()
  }
  return figures
}

async function enormous(provider: IdentityProvider): Promise<Figure[]> {
  const size = 64 << 20
  let sent = 0
  provider.instead = (_request, response) => {
    const chunk = Buffer.alloc(65_536, ' ')
    const more = (): void => {
      while (sent < size && !response.destroyed) {
        sent += chunk.length
        if (!response.write(chunk)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  }
  const verifier = verifying(provider)
  const cut = await verifier.keys.start().then(
    () => 0,
    (error: unknown) => (String(error).includes('more than') ? 1 : 0),
  )
  return [
    { name: 'a body of 64 MiB is cut', figure: String(cut), bound: '1', ok: cut === 1 },
    figure('a body of 64 MiB: left the server', Math.ceil(sent / 2 ** 20), 32, ' MiB'),
  ]
}

async function removed(provider: IdentityProvider): Promise<Figure[]> {
  const verifier = await started(provider)
  const seen = provider.token()
  await verifier.verify(seen)
  provider.keys = [makeKey('key-2')]
  let seconds = 0
  while ((await verifier.verify(seen)) === SUBJECT && seconds < 3600) {
    await verifier.pass(1)
    seconds++
  }
  return [figure('a removed key, token remembered: accepted for', seconds, 600, ' s')]
}
