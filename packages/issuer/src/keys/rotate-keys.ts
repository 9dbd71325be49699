import { type Asker, deskOf } from '../desk.ts'
import { mustKnow } from '../members.ts'
import type { KeyDescription } from './signing-keys.ts'

/**
 * Lets the next key sign from now on; the current one stays published until its last token has expired. Keys rotate by
 * age without this call.
 * @param options.compromised a key has leaked: throw all away. New keys sign at once, and verifiers that have not fetched
 * them yet refuse tokens until they have.
 * @returns the ring, without keys
 * @throws TypeError for members that it does not know
 * @throws PTC_ISSUER_KEY_UNPUBLISHED before the next key has been published for `keys.publishAhead`
 */
export async function rotateKeys(
  asker: Asker,
  options: { readonly compromised?: boolean } = {},
): Promise<readonly KeyDescription[]> {
  const { keys } = deskOf(asker)
  mustKnow('rotateKeys', options, ['compromised'])
  const { compromised = false } = options
  await keys.rotate(compromised)
  return keys.toJSON()
}
