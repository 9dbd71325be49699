import type { IncomingMessage } from 'node:http'
import { measure } from '../../../bench/measure.ts'
import { forwarding } from '../src/forwarding.ts'
import { compileTrust } from '../src/trust.ts'

const request = (fields: object): IncomingMessage =>
  ({
    headers: { host: 'api.example.com', accept: '*/*', 'user-agent': 'bench', ...fields },
    socket: { remoteAddress: '10.0.0.1' },
  }) as unknown as IncomingMessage
const nobody = forwarding(compileTrust(false), false, undefined)
const ours = forwarding(compileTrust('private'), true, undefined)
const cdn = forwarding(compileTrust('private'), true, 'cf-connecting-ip')
const direct = request({})
const fields = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'api.example.com' }

/** Each request is settled twice: when it is seen, and at its first hook, where nothing is left to do. */
const twice = (one: typeof ours, raw: IncomingMessage): void => {
  one.settle(raw)
  one.settle(raw)
}

await measure('forwarding fields of one request', {
  'none, and nobody is trusted': () => twice(nobody, direct),
  'none, from a proxy': () => twice(ours, direct),
  'scheme, host and one address': () => twice(ours, request({ ...fields, 'x-forwarded-for': '203.0.113.7' })),
  'scheme, host and two hops': () => twice(ours, request({ ...fields, 'x-forwarded-for': '203.0.113.7, 10.0.0.5' })),
  "scheme, host and a CDN's field": () => twice(cdn, request({ ...fields, 'cf-connecting-ip': '203.0.113.7' })),
  '(the request object itself)': () => request({ ...fields, 'x-forwarded-for': '203.0.113.7' }),
})
