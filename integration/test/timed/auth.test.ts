import { it } from 'vitest'
import { prove } from '../../proofs/jwks-chaos.ts'
import { hold } from '../hold.ts'

it('an issuer that is flooded for, hangs, is down or sends too much disturbs no known key', async () => {
  hold(await prove('small'))
}, 120_000)
