import { bringsBody } from '@portcullis/kernel'
import type { Asked } from './asked.ts'
import { admissionOf, type Ambient } from './credentials.ts'
import { isFormAble } from './media-type.ts'
import { isSafe } from './method.ts'
import type { CsrfOptions } from './options.ts'
import { sourceOf } from './origin.ts'

/** `pass`: nothing to forge. `site`, `origin`: a foreign page. `media-type`: a form's body. `token`: show a token. */
export type Judgement = 'pass' | 'site' | 'origin' | 'media-type' | 'token'

/** Judges one request. */
export type Judge = (asked: Asked) => Judgement

/** Makes the decision of one policy. The options are validated and complete. */
export function compilePolicy(options: Readonly<CsrfOptions>): Judge {
  const origins = new Set(options.origins)
  const ambient = new Set<Ambient>(options.ambient)
  const always = options.token === 'always'
  const jsonOnly = options.jsonOnly === true
  return (asked) => {
    const { headers } = asked
    if (isSafe(asked.method, headers, asked.query)) return 'pass'
    if (jsonOnly && isFormAble(headers['content-type'] as string | undefined) && bringsBody(asked.raw))
      return 'media-type'
    const admission = admissionOf(asked, ambient)
    // No page can have another's bearer token sent, and the browser adds nothing here by itself.
    if (admission === 'explicit') return 'pass'
    const source = sourceOf(headers, origins)
    // Without any credential too: a forged login makes the victim work in the attacker's account.
    if (source === 'site' || source === 'origin') return source
    return always || (source === 'unknown' && admission === 'ambient') ? 'token' : 'pass'
  }
}
