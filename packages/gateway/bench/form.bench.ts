import { Response } from 'undici'
import { measure } from '../../../bench/measure.ts'
import { Compiler } from '../src/schemas/compiler.ts'
import { Notes } from '../src/schemas/notes.ts'
import { readMultipart } from '../src/schemas/multipart.ts'
import { PartsReader } from '../src/schemas/parts-reader.ts'
import { readParts } from '../src/schemas/parts.ts'
import { wholeOf, within } from '../src/schemas/pointer.ts'

// What it costs to read a form of three fields and a file of 1 MiB, and to hold it to its schema, beside what fetch takes
// to read it. node packages/gateway/bench/form.bench.ts

const holder = {
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['title', 'photo'],
    properties: {
      title: { type: 'string', maxLength: 100 },
      count: { type: 'integer' },
      address: { type: 'object', properties: { zip: { type: 'string' } } },
      photo: { type: 'string', format: 'binary', maxLength: 2_000_000 },
    },
  },
}
const BOUNDARY = '----portcullis-0a1b2c3d4e5f6789'
const type = `multipart/form-data; boundary=${BOUNDARY}`
const part = (name: string, more = ''): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`
const bytes = Buffer.concat([
  Buffer.from(`${part('title')}A title\r\n${part('count')}3\r\n`),
  Buffer.from(`${part('address', '\r\nContent-Type: application/json')}{"zip":"1010"}\r\n`),
  Buffer.from(part('photo', '; filename="a.png"\r\nContent-Type: image/png')),
  Buffer.from(Array.from({ length: 1_048_576 }, (_, i) => (i * 7 + (i >> 8)) & 0xff)),
  Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
])

const whole = wholeOf(holder, '')
const place = within(whole, 'schema')
const reader = new PartsReader(readParts(place, whole, new Notes()), new Set(), new Compiler('request').compile(place))
if ('rule' in reader.read(bytes, type)) throw new Error('it is not admitted')

await measure('a form of 1 MiB', {
  'its parts': () => readMultipart(bytes, BOUNDARY),
  'held to its schema': () => reader.read(bytes, type),
  // oxlint-disable-next-line typescript/no-deprecated -- what others may do
  'read by fetch': () => new Response(bytes, { headers: { 'content-type': type } }).formData(),
})
