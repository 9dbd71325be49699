import { it } from 'vitest'
import { h2loadIsHere } from '../h2load.ts'
import { prove as gatewayReload } from '../proofs/gateway-reload.ts'
import { hold } from './hold.ts'

it('the gateway reads its file again, changes its certificate and ends under load, and loses no request', async () => {
  hold(await gatewayReload('small'), h2loadIsHere() ? 12 : 10)
}, 240_000)
