import { brotliDecompressSync } from 'node:zlib'
import { COMMON_PASSWORDS } from './common-passwords-list.ts'

let known: ReadonlySet<string> | undefined

/** Whether everybody's list of stolen passwords begins with it. Looked up offline; the list is unpacked when first asked. */
export function isCommonPassword(folded: string): boolean {
  known ??= new Set(brotliDecompressSync(Buffer.from(COMMON_PASSWORDS, 'base64')).toString('utf8').split('\n'))
  return known.has(folded)
}
