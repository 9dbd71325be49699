import { _, type Ajv2020, type KeywordCxt, str } from 'ajv/dist/2020.js'

/** Characters of a text (RFC 8259 §7: a pair of surrogates is one). */
function charactersIn(text: string): number {
  let pairs = 0
  for (let at = 0; at < text.length - 1; at++) {
    if ((text.charCodeAt(at) & 0xfc00) !== 0xd800 || (text.charCodeAt(at + 1) & 0xfc00) !== 0xdc00) continue
    pairs++
    at++
  }
  return text.length - pairs
}

// A text has between half as many characters as units and as many: most need not be counted.
const isLonger = (text: string, most: number): boolean =>
  text.length > most && (text.length > 2 * most || charactersIn(text) > most)

const isShorter = (text: string, least: number): boolean =>
  text.length < least || (text.length < 2 * least && charactersIn(text) < least)

/** Lengths of texts that are counted only where that decides: Ajv's own go through each text, a file too. */
export function addLengths(ajv: Ajv2020): void {
  const add = (keyword: string, fails: (text: string, bound: number) => boolean, words: string): void => {
    ajv.removeKeyword(keyword)
    ajv.addKeyword({
      keyword,
      type: 'string',
      schemaType: 'number',
      error: { message: ({ schemaCode }) => str`must NOT have ${words} than ${schemaCode} characters` },
      code(context: KeywordCxt) {
        const { gen, data, schemaCode } = context
        context.fail(_`${gen.scopeValue('func', { ref: fails })}(${data}, ${schemaCode})`)
      },
    })
  }
  add('maxLength', isLonger, 'more')
  add('minLength', isShorter, 'fewer')
}
