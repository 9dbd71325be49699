import { expect, it } from 'vitest'
import { gatewaySchema } from '../docs/gateway-schema.ts'

const REFERENCE = { $ref: '#/$defs/reference' }

it('the schema of a gateway’s file says in standard words what ours says, and nothing that only code can be', () => {
  const text = gatewaySchema(
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        find: { accepts: ['function'], description: 'Code.' },
        key: { accepts: ['string', 'Buffer', 'KeyObject'], writeOnly: true, description: 'A key.' },
        port: { type: 'integer', minimum: 0, default: 80, description: 'A port.' },
        level: { type: 'string', enum: ['a', 'b'], description: 'A level.' },
        gateway: {
          type: 'object',
          properties: { routes: { type: 'array', items: { properties: { policy: { accepts: ['object'] } } } } },
        },
      } as never,
    },
    { gateway: { description: 'Forwards.', routeSchema: { type: 'object', properties: { a: { type: 'boolean' } } } } },
  )
  expect(JSON.parse(text)).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    properties: {
      key: { type: 'string', writeOnly: true, description: 'A key.' },
      port: { description: 'A port.', default: 80, anyOf: [{ type: 'integer', minimum: 0 }, REFERENCE] },
      level: { anyOf: [{ type: 'string', enum: ['a', 'b'] }, REFERENCE] },
      gateway: {
        description: 'Forwards.',
        properties: {
          routes: {
            items: {
              properties: {
                policy: {
                  additionalProperties: false,
                  properties: {
                    gateway: {
                      anyOf: [{ const: false }, { properties: { a: { anyOf: [{ type: 'boolean' }, REFERENCE] } } }],
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  })
  expect(text).not.toMatch(/accepts|"find"/)
})
