import { it } from 'vitest'
import { prove } from '../../proofs/xss-sanitizer.ts'
import { hold } from '../hold.ts'

it('the sanitizer is done with hostile input in time', async () => {
  hold(await prove('small'))
}, 60_000)
