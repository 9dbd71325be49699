import { required } from '@portcullis/testing/installed'
import { it } from 'vitest'
import { installed, prove } from '../proofs/acme.ts'
import { hold } from './hold.ts'

it.runIf(required('pebble', installed()))(
  'a real ACME authority issues, renews, disappears and comes back (needs the Debian package pebble)',
  async () => {
    hold(await prove('small'))
  },
  180_000,
)
