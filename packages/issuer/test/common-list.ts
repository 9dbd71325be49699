/** Writes `src/passwords/common-passwords-list.ts` from the list of @zxcvbn-ts/language-common: run it after that was updated. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { dictionary } from '@zxcvbn-ts/language-common'

/** Shorter ones are too short in any case: `minLength` is never below eight. */
const SHORTEST = 8

/** The source list, by what a common password is compared as. */
export function sourceList(): string[] {
  const list = dictionary['passwords-common'] as string[]
  const folded = [...list].map((password) => password.normalize('NFC').toLowerCase())
  return [...new Set(folded.filter((password) => Array.from(password).length >= SHORTEST))].toSorted()
}

if (import.meta.main) {
  const text = Buffer.from(sourceList().join('\n'))
  const packed = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).toString('base64')
  writeFileSync(
    join(import.meta.dirname, '../src/passwords/common-passwords-list.ts'),
    `/** Common passwords of eight characters or more, one a line, brotli, base64. Written by test/common-list.ts from
 *  @zxcvbn-ts/language-common 4.1.3 (MIT License, Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc., zxcvbn-ts). */
export const COMMON_PASSWORDS: string =
  '${packed}'
`,
  )
}
