import { it } from 'vitest'
import { prove } from '../../proofs/memory-keys.ts'
import { hold } from '../hold.ts'

it('a flood of fresh names frees no blocked caller', async () => {
  hold(await prove('small'))
}, 120_000)
