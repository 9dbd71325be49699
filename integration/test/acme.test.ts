import { required } from '@portcullis/testing/installed'
import { it } from 'vitest'
import { installed } from '../acme-authority.ts'
import { prove } from '../proofs/acme.ts'
import { prove as proveGateway } from '../proofs/gateway-acme.ts'
import { hold } from './hold.ts'

it.runIf(required('pebble', installed()))(
  'a real ACME authority issues, renews, disappears and comes back (needs the Debian package pebble)',
  async () => {
    hold(await prove('small'))
  },
  180_000,
)

it.runIf(required('pebble', installed()))(
  'the gateway obtains its certificate, renews it, and starts again with it (needs the Debian package pebble)',
  async () => {
    hold(await proveGateway('small'))
  },
  180_000,
)
