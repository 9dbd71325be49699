import { followed, isObject, type Place } from './pointer.ts'

/** Words that ask nothing which bytes could break. */
const OF_BYTES: ReadonlySet<string> = new Set([
  'title',
  'description',
  'example',
  'examples',
  'contentMediaType',
  'contentEncoding',
])

/** Whether a schema says no more than that something is bytes or text. @param words that it may say beside that */
export function saysOfBytes(schema: unknown, words: readonly string[]): boolean {
  if (schema === true) return true
  return (
    isObject(schema) &&
    Object.entries(schema).every(
      ([word, value]) =>
        OF_BYTES.has(word) ||
        words.includes(word) ||
        word.startsWith('x-') ||
        (word === 'type' && value === 'string') ||
        (word === 'format' && value === 'binary'),
    )
  )
}

/** Whether a schema says no more of a body than that it is bytes or text. */
export function saysNothing(place: Place): boolean {
  const target = followed(place)
  return target !== null && saysOfBytes(target.value, [])
}
