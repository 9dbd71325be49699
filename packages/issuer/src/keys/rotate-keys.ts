import { type Asker, deskOf } from '../desk.ts'
import type { KeyDescription } from './signing-keys.ts'

/**
 * Lets the next key sign from now on; the current one stays published until its last token has expired. Keys rotate by
 * age without this call.
 * @param options.compromised a key has leaked: throw all away. New keys sign at once, and verifiers that have not fetched
 * them yet refuse tokens until they have.
 * @returns the ring, without keys
 * @throws PTC_ISSUER_KEY_UNPUBLISHED before the next key has been published for `keys.publishAhead`
 */
export async function rotateKeys(
  asker: Asker,
  { compromised = false }: { readonly compromised?: boolean } = {},
): Promise<readonly KeyDescription[]> {
  const { keys } = deskOf(asker)
  await keys.rotate(compromised)
  return keys.toJSON()
}
