import { it } from 'vitest'
import { prove } from '../../proofs/validation.ts'
import { hold } from '../hold.ts'

it('hostile bodies over sockets are refused and leave nothing behind', async () => {
  hold(await prove('small'))
}, 120_000)
