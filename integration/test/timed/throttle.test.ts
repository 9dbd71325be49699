import { it } from 'vitest'
import { prove } from '../../proofs/throttle.ts'
import { hold } from '../hold.ts'

it('who waits is paced, served fairly and gone when it leaves', async () => {
  hold(await prove('small'))
}, 120_000)
