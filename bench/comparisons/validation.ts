import type { ValidationOptions } from '@portcullis/validation'
import { bare, type Comparison, registered } from '../comparison.ts'

const row = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'name', 'price', 'tags', 'note'],
  properties: {
    id: { type: 'integer', minimum: 0, maximum: 1_000_000 },
    name: { type: 'string', maxLength: 100 },
    price: { type: 'number', minimum: 0, maximum: 1_000_000 },
    tags: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 20 } },
    note: { type: 'string', maxLength: 200 },
  },
}
const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['rows'],
  properties: { rows: { type: 'array', maxItems: 100, items: row } },
}
const rows = Array.from({ length: 9 }, (_, i) => ({
  id: i,
  name: `a name of usual length ${i}`,
  price: 12.5 + i,
  tags: ['new', 'green'],
  note: 'some words that nobody reads',
}))

const ours = (options: ValidationOptions) => () => registered(() => import('@portcullis/validation'), options)

const comparison: Comparison = {
  title: 'a POST of 1 KB of JSON with a schema',
  bare: 'bare Fastify',
  official: '@portcullis/validation',
  post: { body: JSON.stringify({ rows }), schema },
  subjects: {
    // With the same schema, and with Fastify's own validator.
    'bare Fastify': bare,
    'kernel alone': ours({ enabled: false }),
    'without the scanner': ours({ dangerouslyTrustJson: true }),
    '@portcullis/validation': ours({}),
  },
}
export default comparison
