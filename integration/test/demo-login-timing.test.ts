import { it } from 'vitest'
import { prove } from '../proofs/demo-login-timing.ts'
import { hold } from './hold.ts'

it('the demo answers a wrong password, a locked account and an unknown name alike', async () => {
  hold(await prove('small'))
}, 120_000)
