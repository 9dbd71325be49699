import type { Found } from './documents.ts'

const json = (schema: object): object => ({ 'application/json': { schema } })
const text = { type: 'string' }

/** More of them: references of every kind, fields, cookies, words that are told of nobody. */
export const MORE: readonly Found[] = [
  {
    what: 'bodies and parameters that are references to references',
    paths: {
      '/a/{id}': { $ref: '#/components/pathItems/A' },
    },
    components: {
      pathItems: {
        A: {
          parameters: [{ $ref: '#/components/parameters/First' }],
          put: { requestBody: { $ref: '#/components/requestBodies/One' }, responses: {} },
        },
      },
      parameters: {
        First: { $ref: '#/components/parameters/Second' },
        Second: { name: 'id', in: 'path', required: true, schema: { $ref: '#/components/schemas/Id' } },
      },
      requestBodies: {
        One: { $ref: '#/components/requestBodies/Two' },
        Two: { content: json({ $ref: '#/components/schemas/Body' }) },
      },
      schemas: {
        Id: { $ref: '#/components/schemas/Number' },
        Number: { type: 'integer', maximum: 9 },
        Body: { type: 'object', properties: { id: { $ref: '#/components/schemas/Id', minimum: 5 } } },
      },
    },
    allowed: [
      ['PUT', '/a/1', { id: 7 }],
      ['PUT', '/a/9', {}],
    ],
    forbidden: [
      ['PUT', '/a/10', {}],
      ['PUT', '/a/1', { id: 4 }],
      ['PUT', '/a/1', { id: 10 }],
    ],
  },
  {
    what: 'references into the middle of other operations',
    paths: {
      '/a': {
        post: {
          requestBody: { content: json({ type: 'object', properties: { 'x/y~z': { type: 'integer' }, 'ä b': text } }) },
          responses: {},
        },
      },
      '/b': {
        post: {
          requestBody: {
            content: json({ $ref: '#/paths/~1a/post/requestBody/content/application~1json/schema/properties/x~1y~0z' }),
          },
          responses: {},
        },
      },
      '/c': {
        post: {
          requestBody: {
            content: json({
              $ref: '#/paths/~1a/post/requestBody/content/application~1json/schema/properties/%C3%A4%20b',
            }),
          },
          responses: {},
        },
      },
    },
    allowed: [
      ['POST', '/b', 5],
      ['POST', '/c', 'x'],
      ['POST', '/a', { 'x/y~z': 1 }],
    ],
    forbidden: [
      ['POST', '/b', 'x'],
      ['POST', '/c', 5],
      ['POST', '/a', { 'x/y~z': 'x' }],
    ],
  },
  {
    what: 'members that are for one way alone, deep inside',
    paths: {
      '/users': { post: { requestBody: { content: json({ $ref: '#/components/schemas/User' }) }, responses: {} } },
    },
    components: {
      schemas: {
        User: {
          type: 'object',
          required: ['id', 'name', 'password'],
          properties: {
            id: { type: 'integer', readOnly: true },
            name: text,
            password: { type: 'string', writeOnly: true },
            address: {
              type: 'object',
              required: ['checked'],
              properties: { checked: { type: 'boolean', readOnly: true } },
            },
            friends: { type: 'array', items: { $ref: '#/components/schemas/User' } },
          },
        },
      },
    },
    allowed: [['POST', '/users', { name: 'a', password: 'b', address: {}, friends: [{ name: 'c', password: 'd' }] }]],
    forbidden: [
      ['POST', '/users', { name: 'a', password: 'b', id: 1 }],
      ['POST', '/users', { name: 'a' }],
      ['POST', '/users', { name: 'a', password: 'b', address: { checked: true } }],
      ['POST', '/users', { name: 'a', password: 'b', friends: [{ id: 1, name: 'c', password: 'd' }] }],
    ],
  },
  {
    what: 'parameters of one name in several places',
    paths: {
      '/v/{v}': {
        get: {
          parameters: [
            { name: 'v', in: 'path', required: true, schema: { type: 'integer' } },
            { name: 'v', in: 'query', required: true, schema: { type: 'boolean' } },
            { name: 'ids', in: 'query', schema: { type: 'array', items: { type: 'integer' }, uniqueItems: true } },
            { name: '$top', in: 'query', allowEmptyValue: true, schema: { type: 'string' } },
            { name: 'x', in: 'query', deprecated: true, allowReserved: true, schema: { type: ['integer', 'string'] } },
          ],
          responses: {},
        },
      },
    },
    allowed: [
      ['GET', '/v/1?v=true'],
      ['GET', '/v/1?v=false&ids=1&ids=2&$top='],
      ['GET', '/v/1?v=true&%24top=a&x=a/b?c'],
    ],
    forbidden: [
      ['GET', '/v/1'],
      ['GET', '/v/a?v=true'],
      ['GET', '/v/1?v=1'],
      ['GET', '/v/1?v=true&ids=1&ids=1'],
      ['GET', '/v/1?v=true&ids=1,2'],
    ],
  },
  {
    what: 'a wildcard of media types, text, and bytes',
    paths: {
      '/files': {
        put: {
          requestBody: {
            content: { 'text/plain': {}, 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
          },
          responses: {},
        },
      },
    },
    allowed: [
      ['PUT', '/files', '{"not":"json', 'text/plain'],
      ['PUT', '/files', 'x', 'text/plain; charset=iso-8859-1'],
      ['PUT', '/files', 'x', 'application/octet-stream'],
      ['PUT', '/files'],
    ],
    forbidden: [
      ['PUT', '/files', '{}', 'application/json'],
      ['PUT', '/files', 'x', 'image/png'],
    ],
  },
  {
    what: 'numbers at their edges',
    paths: {
      '/n': {
        post: {
          requestBody: {
            content: json({
              type: 'object',
              properties: {
                i32: { type: 'integer', format: 'int32' },
                i64: { type: 'integer', format: 'int64' },
                price: { type: 'number', multipleOf: 0.01 },
                open: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
              },
            }),
          },
          responses: {},
        },
      },
    },
    allowed: [
      ['POST', '/n', { i32: 2_147_483_647, i64: -5, price: 19.99, open: 0.5 }],
      ['POST', '/n', '{"i32":1e3,"price":1.10,"open":1E-3}'],
    ],
    forbidden: [
      ['POST', '/n', { i32: 2_147_483_648 }],
      ['POST', '/n', { i32: 1.5 }],
      ['POST', '/n', { price: 0.001 }],
      ['POST', '/n', { open: 1 }],
      ['POST', '/n', '{"i64":1e400}'],
    ],
  },
]
