import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boundaryOf, readMultipart } from '../src/schemas/multipart.ts'
import { byBusboy, byFetch, type Entry } from './form-readers.ts'

const BOUNDARY = '----portcullis-0a1b2c3d4e5f6789'
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`
const FIELD = 'Content-Disposition: form-data; name="a"'

/** One part. */
const part = (head: string, content = 'x'): string => `--${BOUNDARY}\r\n${head}\r\n\r\n${content}\r\n`
const END = `--${BOUNDARY}--\r\n`
const read = (text: string) => readMultipart(Buffer.from(text, 'latin1'), BOUNDARY)

describe('a form', () => {
  it.each<[string, string, string]>([
    ['of a field', FIELD, 'x'],
    ['of a field with a type', `${FIELD}\r\nContent-Type: text/plain; charset=utf-8`, 'ä\r\n\n\r"'],
    ['with the fields in another order and case', `content-type: text/plain;charset="UTF-8"\r\n${FIELD}`, ''],
    ['without quotes', 'Content-Disposition: form-data; name=a', 'x'],
    ['of a file', `${FIELD}; filename="a b's (1) größe 50% R&D.png"\r\nContent-Type: image/png`, '\0\xff\r\n--\r\n'],
    ['of a file without a type', `${FIELD}; filename=a.png`, '\r\n'],
    ['of a document', `${FIELD}\r\nContent-Type: application/vnd.a+json`, '{}'],
    [
      'that says its length and that it is as it is',
      `${FIELD}\r\nContent-Length: 2\r\nContent-Transfer-Encoding: binary`,
      'xx',
    ],
    ['with most of the boundary in it', FIELD, `\r\n--${BOUNDARY.slice(0, -1)}`],
  ])('%s is read', (_what, head, content) => {
    const text = part(Buffer.from(head).toString('latin1'), content)
    for (const form of [text + END, text + END.trimEnd(), text + text + END]) {
      expect(read(form)).toMatchObject(
        [{ name: 'a', bytes: Buffer.from(content, 'latin1') }, {}].slice(0, form === text + text + END ? 2 : 1),
      )
    }
  })

  it('of an input where no file was chosen is read, as browsers write it', () => {
    const written = part(`${FIELD}; filename=""\r\nContent-Type: application/octet-stream`, '')
    expect(read(written + END)).toMatchObject([{ name: 'a', file: true, unchosen: true, bytes: Buffer.alloc(0) }])
  })

  it('without parts is read', () => {
    expect(read(END)).toEqual([])
  })

  it.each<[string, string]>([
    ['nothing', ''],
    ['the end twice', END + END],
    ['no end', part(FIELD)],
    ['half an end', `${part(FIELD)}--${BOUNDARY}-`],
    ['no boundary', 'x'],
    ['a preamble', `preamble\r\n${part(FIELD)}${END}`],
    ['a line break before it', `\r\n${part(FIELD)}${END}`],
    ['an epilogue', `${part(FIELD)}${END}epilogue`],
    ['two line breaks behind it', `${part(FIELD)}${END}\r\n`],
    ['a part behind the end', part(FIELD) + END + part(FIELD) + END],
    ['spaces behind a boundary', `--${BOUNDARY} \r\n${FIELD}\r\n\r\nx\r\n${END}`],
    ['a longer boundary', `${part(FIELD)}--${BOUNDARY}x\r\n${FIELD}\r\n\r\nx\r\n${END}`],
    ['the boundary in a line', part(FIELD, `x--${BOUNDARY}`) + END],
    ['the boundary behind a line feed', part(FIELD, `x\n--${BOUNDARY}\n${FIELD}; filename="a"\n\ny`) + END],
    ['the boundary behind a carriage return', part(FIELD, `x\r--${BOUNDARY}\r`) + END],
    ['the end of the form in a line', part(FIELD, `x\n--${BOUNDARY}--\n`) + END],
    ['the boundary without its dashes', part(FIELD, `\r\n${BOUNDARY}\r\n`) + END],
    ['the boundary with two signs before it', part(FIELD, `\r\nxx${BOUNDARY}\r\n`) + END],
    ['the boundary in a name', part(`${FIELD}; filename="--${BOUNDARY}"`) + END],
    ['a boundary in the fields', `--${BOUNDARY}\r\n${FIELD}\r\n${part(FIELD)}${END}`],
    ['no fields', part('').replace('\r\n\r\n\r\n', '\r\n\r\n') + END],
    ['no empty line', `--${BOUNDARY}\r\n${FIELD}\r\n${END}`],
    ['line feeds', (part(FIELD) + END).replaceAll('\r\n', '\n')],
    ['a line feed between fields', part(`${FIELD}\nContent-Type: text/plain`) + END],
    ['a carriage return between fields', part(`${FIELD}\rContent-Type: text/plain`) + END],
    ['a carriage return in a name', part('Content-Disposition: form-data; name="a\rb"') + END],
    ['a NUL in a name', part('Content-Disposition: form-data; name="a\0b"') + END],
    ['a tab in a field', part('Content-Disposition:\tform-data; name="a"') + END],
    ['a folded field', part('Content-Disposition: form-data;\r\n name="a"') + END],
    ['a field that begins with a space', part(` ${FIELD}`) + END],
    ['a space before the colon', part(FIELD.replace(':', ' :')) + END],
    ['no space behind the colon', part(FIELD.replace(': ', ':')) + END],
    ['a space behind a field', part(`${FIELD} `) + END],
    ['no Content-Disposition', part('Content-Type: text/plain') + END],
    ['two of it', part(`${FIELD}\r\n${FIELD}`) + END],
    ['two types', part(`${FIELD}\r\nContent-Type: text/plain\r\ncontent-type: text/html`) + END],
    ['another disposition', part('Content-Disposition: attachment; name="a"') + END],
    ['no name', part('Content-Disposition: form-data') + END],
    ['an empty name', part('Content-Disposition: form-data; name=""') + END],
    ['two names', part(`${FIELD}; name="b"`) + END],
    ['a name behind a file name', part('Content-Disposition: form-data; filename="f"; name="a"') + END],
    ['a name with an escape', part(String.raw`Content-Disposition: form-data; name="a\"b"`) + END],
    ['a name with an escaped end', part(String.raw`Content-Disposition: form-data; name="a\"; filename="b"`) + END],
    ['a name without its end', part('Content-Disposition: form-data; name="a') + END],
    ['a name with %22', part('Content-Disposition: form-data; name="a%22b"') + END],
    ['a name with %0A', part('Content-Disposition: form-data; name="a%0Ab"') + END],
    ['a name with a space', part('Content-Disposition: form-data; name="a b"') + END],
    ['a name with a semicolon', part('Content-Disposition: form-data; name="a;filename=b"') + END],
    ['a name that is no ASCII', part('Content-Disposition: form-data; name="\xc3\xa4"') + END],
    ['a name that is longer than others read', part(`Content-Disposition: form-data; name="${'a'.repeat(101)}"`) + END],
    ['name*', part(`Content-Disposition: form-data; name*=utf-8''b`) + END],
    ['filename*', part(`${FIELD}; filename="a"; filename*=utf-8''b`) + END],
    ['filename* alone', part(`${FIELD}; filename*=utf-8''b`) + END],
    ['two file names', part(`${FIELD}; filename="a"; filename="b"`) + END],
    ['bytes of no file name', part(`${FIELD}; filename=""\r\nContent-Type: application/octet-stream`) + END],
    ['an empty file name of another type', part(`${FIELD}; filename=""\r\nContent-Type: image/png`, '') + END],
    ['an empty file name of no type', part(`${FIELD}; filename=""`, '') + END],
    ['an empty file name without quotes', part(`${FIELD}; filename=`, '') + END],
    ['a file name with a path', part(`${FIELD}; filename="../a"`) + END],
    ['a file name with a backslash', part(String.raw`${FIELD}; filename="C:\a"`) + END],
    ['a file name of dots', part(`${FIELD}; filename=".."`) + END],
    ['a file name with %2F', part(`${FIELD}; filename="%2fa"`) + END],
    ['a file name with another name in it', part(`${FIELD}; filename="x; name=b; y"`) + END],
    ['a file name in Latin-1', part(`${FIELD}; filename="\xe4"`) + END],
    ['a file name that is decoded to dots', part(`${FIELD}; filename="&#46&#46"`) + END],
    ['a file name that is decoded to nothing', part(`${FIELD}; filename="&shy&nbsp"`) + END],
    ['a file name that nobody sees', part(`${FIELD}; filename="\xef\xbb\xbf"`) + END],
    ['a file name with a line of Unicode', part(`${FIELD}; filename="a\xe2\x80\xa8b"`) + END],
    ['a file name with a control character', part(`${FIELD}; filename="a\xc2\x85b"`) + END],
    ['a file name behind spaces', part(`${FIELD}; filename=" a"`) + END],
    ['bytes without a file name', part(`${FIELD}\r\nContent-Type: application/octet-stream`) + END],
    ['another charset', part(`${FIELD}\r\nContent-Type: text/plain; charset=utf-7`) + END],
    ['a parameter of a type', part(`${FIELD}\r\nContent-Type: text/plain; format=flowed`) + END],
    ['a type that is none', part(`${FIELD}\r\nContent-Type: text`) + END],
    ['parts in a part', part(`${FIELD}\r\nContent-Type: multipart/mixed; boundary=b`, '--b\r\n\r\nx\r\n--b--') + END],
    ['parts in a part without a boundary', part(`${FIELD}\r\nContent-Type: Multipart/Mixed`) + END],
    ['a message in a part', part(`${FIELD}\r\nContent-Type: message/rfc822`) + END],
    ['base64', part(`${FIELD}\r\nContent-Transfer-Encoding: base64`, 'eA==') + END],
    ['another length', part(`${FIELD}\r\nContent-Length: 2`) + END],
    ['a length in other words', part(`${FIELD}\r\nContent-Length: +1`) + END],
    ['another field', part(`${FIELD}\r\nX-A: b`) + END],
    ['long fields', part(`${FIELD}; filename="${'a'.repeat(1000)}"`) + END],
    [
      'a field that says what the others are written in',
      part('Content-Disposition: form-data; name="_charset_"') + END,
    ],
    ['more parts than others read', part(FIELD).repeat(101) + END],
    ['more fields than others read', part(FIELD, 'x'.repeat(600_000)).repeat(2) + END],
  ])('with %s is refused', (_what, text) => {
    expect(read(text)).toBeTypeOf('string')
  })

  it.each([
    [TYPE, BOUNDARY],
    [`Multipart/Form-Data;charset=UTF-8;boundary="${BOUNDARY}"`, BOUNDARY],
    ['multipart/form-data; BOUNDARY=x', 'x'],
    ['multipart/form-data', null],
    ['multipart/form-data; boundary=', null],
    ['multipart/form-data; boundary=""', null],
    ['multipart/form-data; boundary=---', null],
    ['multipart/form-data; boundary=a; boundary=b', null],
    ['multipart/form-data; boundary=a, multipart/form-data; boundary=b', null],
    ['multipart/form-data; boundary="a;b"', null],
    ['multipart/form-data; boundary="a,b"', null],
    [String.raw`multipart/form-data; boundary="a\b"`, null],
    ['multipart/form-data; boundary="a b"', null],
    ['multipart/form-data; boundary="a', null],
    ["multipart/form-data; boundary*=utf-8''a", null],
    ['multipart/form-data; boundary=a; charset=utf-16', null],
    ['multipart/form-data; boundary=a;', null],
    [`multipart/form-data; boundary=${'a'.repeat(71)}`, null],
    ['multipart/mixed; boundary=a', null],
  ])('of the type %s has a boundary on which readers agree, or none', (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary)
  })
})

const word = (alphabet: string, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength: 1, maxLength })
/** Signs that mean something to somebody. */
const TRICKS = [
  `--${BOUNDARY}`,
  BOUNDARY,
  `\r\n--${BOUNDARY}`,
  `\r\n--${BOUNDARY}--`,
  BOUNDARY.slice(0, -1),
  `${BOUNDARY}-`,
  '; filename="b"',
  '; name="b"',
  'name=b',
  "; filename*=utf-8''c",
  '\r\n\r\n',
  '\r\n ',
  '\xef\xbb\xbf',
  '.',
  '/',
  '\r\nContent-Type: application/octet-stream',
  '\r\nContent-Transfer-Encoding: base64',
  '\r\nContent-Type: a/b',
  `\r\n--${BOUNDARY}\r\n${FIELD}\r\n\r\n`,
  '\r\nContent-Disposition: form-data; name="c"',
  '_charset_',
]
const trick = fc.constantFrom(...TRICKS)
/** Signs that mean nothing within a part. */
const MILD = ['\r\n', '\r', '\n', '--', '"', ';', '\\', '\0', '%22', '\xc3\xa4', '\r\n\r\n', '--\r\n', FIELD]
const mild = fc.constantFrom(...MILD)
const content = fc
  .array(
    fc.oneof({ weight: 9, arbitrary: word('abc', 3) }, { weight: 9, arbitrary: mild }, { weight: 1, arbitrary: trick }),
    { maxLength: 6 },
  )
  .map((some) => some.join(''))
const written = fc
  .record({
    name: word('ab_.[]', 4),
    file: fc.option(fc.oneof({ weight: 9, arbitrary: word("abc'(.-", 5) }, word("ab .'()&#4\xc3\xad", 5)), {
      nil: undefined,
    }),
    type: fc.option(
      fc.constantFrom('text/plain', 'text/plain; charset=utf-8', 'image/png', 'application/octet-stream'),
      {
        nil: undefined,
      },
    ),
    content,
  })
  .map(({ name, file, type, content: inside }) =>
    part(
      `Content-Disposition: form-data; name="${name}"${file === undefined ? '' : `; filename="${file}"`}${
        type === undefined ? '' : `\r\nContent-Type: ${type}`
      }`,
      inside,
    ),
  )
/** An input where no file was chosen. */
const unchosen = word('ab_.[]', 4).map((name) =>
  part(`Content-Disposition: form-data; name="${name}"; filename=""\r\nContent-Type: application/octet-stream`, ''),
)
const form = fc
  .array(fc.oneof({ weight: 4, arbitrary: written }, { weight: 1, arbitrary: unchosen }), { maxLength: 3 })
  .map((parts) => parts.join('') + END)
/** Forms with something put in, taken out, or both. */
const mutated = fc
  .record({ form, at: fc.nat(), out: fc.integer({ min: 0, max: 3 }), put: fc.option(trick, { nil: '' }) })
  .map(({ form: text, at, out, put }) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + put + text.slice(place + out)
  })

describe('whatever is read of a form', () => {
  /** What others may make of it: of an input where no file was chosen, an empty file, an empty text, or nothing. */
  const readings = (text: string): readonly (readonly Entry[])[] | null => {
    const parts = read(text)
    if (typeof parts === 'string') return null
    return [[[true]], [[false]], []].map((made) =>
      parts.flatMap((one): Entry[] =>
        (one.unchosen ? made : [[one.file]]).map(([file = false]) => [one.name, file, one.bytes.toString('latin1')]),
      ),
    )
  }
  /** Text that is no UTF-8 is no field: that is looked at behind the reader. */
  const isText = (all: readonly Entry[]): boolean =>
    all.every(
      ([, file, bytes]) =>
        file || (!bytes.startsWith('\xef\xbb\xbf') && !Buffer.from(bytes, 'latin1').toString().includes('\ufffd')),
    )

  it.each([
    ['as it was written', form, 400],
    ['after something in it was changed', mutated, 4000],
  ])('is read alike by others, %s', async (_what, forms, numRuns) => {
    const readers = [byFetch, await byBusboy()]
    let agreed = 0
    await fc.assert(
      fc.asyncProperty(forms, async (text) => {
        const ours = readings(text)
        if (ours === null || !isText(ours.flat())) return
        agreed++
        for (const reader of readers) expect(ours).toContainEqual(await reader(Buffer.from(text, 'latin1'), TYPE))
      }),
      { numRuns },
    )
    expect(agreed).toBeGreaterThan(numRuns / 40)
  })
})
