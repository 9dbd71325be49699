import { measure } from '../../../bench/measure.ts'
import { jsonScanner } from '../src/json-scan.ts'
import { pathRule } from '../src/path.ts'

const rows = Array.from({ length: 9 }, (_, i) => ({
  id: i,
  name: `a name of usual length ${i}`,
  price: 12.5 + i,
  tags: ['new', 'green'],
  note: 'some words that nobody reads',
}))
const body = Buffer.from(JSON.stringify({ rows }))
const scan = jsonScanner({ depth: 32, keys: 10_000, exactNumbers: true }, 0x2545f491)
const text = body.toString()

await measure(`a JSON body of ${body.length} bytes`, {
  'JSON.parse': () => JSON.parse(text) as unknown,
  'bytes to text': () => body.toString(),
  '@portcullis/validation': () => scan(body),
})

const judge = pathRule([])
await measure('a path', {
  decodeURIComponent: () => decodeURIComponent('/users/4711/orders/2026'),
  plain: () => judge('/users/4711/orders/2026?page=2'),
  encoded: () => judge('/users/caf%C3%A9/orders?page=2'),
})
