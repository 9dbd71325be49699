/** A request: method, target, and a body (JSON unless a type is named). */
export type Asked = readonly [method: string, url: string, body?: unknown, type?: string]

/** A document as one finds them, what it allows and what it does not. */
export interface Found {
  readonly what: string
  readonly paths: object
  readonly components?: object
  readonly servers?: readonly object[]
  readonly allowed: readonly Asked[]
  readonly forbidden: readonly Asked[]
}

const json = (schema: object): object => ({ 'application/json': { schema } })
const body = (schema: object): object => ({ required: true, content: json(schema) })
const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
const post = (path: string, schema: object): object => ({
  [path]: { post: { requestBody: body(schema), responses: {} } },
})
const FORM = 'application/x-www-form-urlencoded'

export const FOUND: readonly Found[] = [
  {
    what: 'a list with pages, and parameters of the path item that an operation overrides',
    servers: [{ url: 'https://{host}/{base}', variables: { host: { default: 'a.example' }, base: { default: 'v3' } } }],
    paths: {
      '/repos/{owner}/{repo}/issues': {
        parameters: [
          { name: 'owner', in: 'path', required: true, schema: { type: 'string' } },
          { $ref: '#/components/parameters/repo' },
          { name: 'page', in: 'query', schema: { type: 'integer' } },
        ],
        get: {
          parameters: [
            { $ref: '#/components/parameters/page' },
            { name: 'labels', in: 'query', schema: { type: 'string' } },
            { name: 'sort', in: 'query', schema: { type: 'string', enum: ['created', 'updated'], default: 'created' } },
            { name: 'since', in: 'query', schema: { type: 'string', format: 'date-time' } },
          ],
          responses: {},
        },
      },
    },
    components: {
      parameters: {
        repo: { name: 'repo', in: 'path', required: true, schema: { type: 'string', maxLength: 10 } },
        page: { name: 'page', in: 'query', schema: { type: 'integer', minimum: 1, default: 1 } },
      },
    },
    allowed: [
      ['GET', '/v3/repos/a/b/issues'],
      ['GET', '/v3/repos/a/b/issues?page=2&sort=updated&since=2026-01-01T00:00:00Z'],
      ['GET', '/v3/repos/a/b/issues?labels=bug,ui'],
    ],
    forbidden: [
      ['GET', '/v3/repos/a/b/issues?page=0'],
      ['GET', '/v3/repos/a/bbbbbbbbbbb/issues'],
      ['GET', '/v3/repos/a/b/issues?sort=name'],
      ['GET', '/v3/repos/a/b/issues?since=yesterday'],
      ['GET', '/v3/repos/a/b/issues?per_page=5'],
    ],
  },
  {
    what: 'pets of the store: oneOf with a discriminator, by mapping and by name',
    paths: post('/pets', ref('Pet')),
    components: {
      schemas: {
        Pet: {
          oneOf: [ref('Cat'), ref('Dog')],
          discriminator: { propertyName: 'petType', mapping: { feline: '#/components/schemas/Cat' } },
        },
        Named: {
          type: 'object',
          required: ['petType'],
          properties: { petType: { type: 'string' }, name: { type: 'string' } },
        },
        Cat: {
          allOf: [ref('Named'), { type: 'object', required: ['lives'], properties: { lives: { type: 'integer' } } }],
        },
        Dog: {
          allOf: [ref('Named'), { type: 'object', required: ['bark'], properties: { bark: { type: 'boolean' } } }],
        },
      },
    },
    allowed: [
      ['POST', '/pets', { petType: 'feline', lives: 9 }],
      ['POST', '/pets', { petType: 'Dog', bark: true, name: 'Rex' }],
      // Both schemas would admit it; its name chooses one.
      ['POST', '/pets', { petType: 'Dog', bark: true, lives: 9 }],
    ],
    forbidden: [
      ['POST', '/pets', { petType: 'feline', bark: true }],
      ['POST', '/pets', { petType: 'Fish', lives: 1 }],
      ['POST', '/pets', { lives: 1 }],
    ],
  },
  {
    what: 'a discriminator of a parent, in allOf of its children',
    paths: post('/things', { anyOf: [ref('A'), ref('B')] }),
    components: {
      schemas: {
        Base: {
          type: 'object',
          required: ['kind'],
          properties: { kind: { type: 'string' } },
          discriminator: { propertyName: 'kind' },
        },
        A: { allOf: [ref('Base'), { properties: { a: { type: 'integer' } } }] },
        B: { allOf: [ref('Base'), { properties: { a: { type: 'string' } } }] },
      },
    },
    allowed: [
      ['POST', '/things', { kind: 'A', a: 1 }],
      ['POST', '/things', { kind: 'A', a: 'x' }],
    ],
    forbidden: [
      ['POST', '/things', { a: 1 }],
      ['POST', '/things', { kind: 'A', a: true }],
    ],
  },
  {
    what: 'charges by form, with expansions between brackets',
    paths: {
      '/v1/charges': {
        post: {
          requestBody: {
            content: {
              [FORM]: {
                encoding: {
                  metadata: { explode: true, style: 'deepObject' },
                  card: { explode: true, style: 'deepObject' },
                },
                schema: {
                  type: 'object',
                  required: ['amount'],
                  additionalProperties: false,
                  properties: {
                    amount: { type: 'integer', minimum: 1 },
                    currency: { type: 'string', maxLength: 3 },
                    metadata: { type: 'object', additionalProperties: { type: 'string', maxLength: 5 } },
                    card: { type: 'object', properties: { number: { type: 'string' }, month: { type: 'integer' } } },
                  },
                },
              },
            },
          },
          responses: {},
        },
      },
    },
    allowed: [
      ['POST', '/v1/charges', 'amount=5&currency=eur&metadata[order]=6735', FORM],
      ['POST', '/v1/charges', 'amount=5&card[number]=4242&card[month]=7', FORM],
    ],
    forbidden: [
      ['POST', '/v1/charges', 'amount=0', FORM],
      ['POST', '/v1/charges', 'amount=5&metadata[order]=673500', FORM],
      ['POST', '/v1/charges', 'amount=5&card[month]=x', FORM],
      ['POST', '/v1/charges', 'amount=5&admin=1', FORM],
      ['POST', '/v1/charges', 'currency=eur', FORM],
    ],
  },
  {
    what: 'trees that contain themselves, through lists and maps',
    paths: post('/trees', ref('Node')),
    components: {
      schemas: {
        Node: {
          type: 'object',
          required: ['name'],
          additionalProperties: false,
          properties: {
            name: { type: 'string' },
            children: { type: 'array', items: ref('Node') },
            named: { type: 'object', additionalProperties: ref('Node') },
            parent: { oneOf: [ref('Node'), { type: 'null' }] },
          },
        },
      },
    },
    allowed: [
      [
        'POST',
        '/trees',
        { name: 'a', children: [{ name: 'b', parent: null }], named: { x: { name: 'c', children: [] } } },
      ],
    ],
    forbidden: [
      ['POST', '/trees', { name: 'a', children: [{ name: 'b', children: [{}] }] }],
      ['POST', '/trees', { name: 'a', named: { x: { name: 1 } } }],
      ['POST', '/trees', { name: 'a', parent: {} }],
    ],
  },
  {
    what: 'what may be null, by types and by anyOf',
    paths: post('/people', {
      type: 'object',
      properties: {
        email: { type: ['string', 'null'], format: 'email' },
        age: { anyOf: [{ type: 'integer', exclusiveMinimum: 0 }, { type: 'null' }] },
        role: { type: ['string', 'null'], enum: ['a', 'b', null] },
        boss: { anyOf: [ref('Boss'), { type: 'null' }] },
      },
    }),
    components: { schemas: { Boss: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } } } },
    allowed: [
      ['POST', '/people', { email: null, age: null, role: null, boss: null }],
      ['POST', '/people', { email: 'a@b.example', age: 1, role: 'a', boss: { id: 1 } }],
    ],
    forbidden: [
      ['POST', '/people', { email: 'nobody' }],
      ['POST', '/people', { age: 0 }],
      ['POST', '/people', { role: 'c' }],
      ['POST', '/people', { boss: {} }],
      ['POST', '/people', null],
    ],
  },
  {
    what: 'parts put together, and nothing beside them (unevaluatedProperties)',
    paths: post('/orders', {
      allOf: [ref('Base'), ref('Times'), { oneOf: [{ required: ['sku'] }, { required: ['name'] }] }],
      unevaluatedProperties: false,
      properties: { note: { type: 'string' } },
    }),
    components: {
      schemas: {
        Base: {
          type: 'object',
          required: ['id'],
          properties: { id: { type: 'integer', readOnly: true }, sku: {}, name: {} },
        },
        Times: { type: 'object', properties: { at: { type: 'string', format: 'date-time' } } },
      },
    },
    allowed: [
      ['POST', '/orders', { sku: 1 }],
      ['POST', '/orders', { name: 'x', at: '2026-01-01T00:00:00+02:00', note: 'n' }],
    ],
    forbidden: [
      ['POST', '/orders', { sku: 1, name: 'x' }],
      ['POST', '/orders', { sku: 1, other: 1 }],
      ['POST', '/orders', { sku: 1, id: 7 }],
      ['POST', '/orders', {}],
    ],
  },
  {
    what: 'filters and pages of JSON:API',
    paths: {
      '/articles': {
        get: {
          parameters: [
            {
              name: 'filter',
              in: 'query',
              style: 'deepObject',
              explode: true,
              schema: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 2 },
            },
            {
              name: 'page',
              in: 'query',
              style: 'deepObject',
              schema: {
                type: 'object',
                additionalProperties: false,
                properties: { number: { type: 'integer', minimum: 1 }, size: { type: 'integer', maximum: 100 } },
              },
            },
            {
              name: 'include',
              in: 'query',
              explode: false,
              schema: { type: 'array', items: { enum: ['author', 'tags'] } },
            },
          ],
          responses: {},
        },
      },
    },
    allowed: [
      ['GET', '/articles?filter[state]=open&filter[by]=me&page[number]=2&page[size]=10&include=author,tags'],
      ['GET', '/articles?page%5Bsize%5D=100'],
    ],
    forbidden: [
      ['GET', '/articles?page[number]=0'],
      ['GET', '/articles?page[size]=101'],
      ['GET', '/articles?page[offset]=1'],
      ['GET', '/articles?filter[a]=1&filter[b]=1&filter[c]=1'],
      ['GET', '/articles?include=comments'],
      ['GET', '/articles?page=1'],
    ],
  },
  {
    what: 'several media types, each with a schema of its own',
    paths: {
      '/notes/{id}': {
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }],
        patch: {
          requestBody: {
            required: true,
            content: {
              'application/merge-patch+json': {
                schema: { type: 'object', properties: { text: { type: ['string', 'null'] } } },
              },
              'application/json-patch+json': {
                schema: {
                  type: 'array',
                  items: { type: 'object', required: ['op', 'path'], properties: { op: { enum: ['add', 'remove'] } } },
                },
              },
            },
          },
          responses: {},
        },
        delete: { responses: {} },
      },
    },
    allowed: [
      ['PATCH', '/notes/3f1c6f0e-0d3a-4c38-9d7b-6f2f2a3f9b11', { text: null }, 'application/merge-patch+json'],
      [
        'PATCH',
        '/notes/3f1c6f0e-0d3a-4c38-9d7b-6f2f2a3f9b11',
        [{ op: 'add', path: '/a' }],
        'application/json-patch+json',
      ],
      ['DELETE', '/notes/3f1c6f0e-0d3a-4c38-9d7b-6f2f2a3f9b11'],
    ],
    forbidden: [
      ['PATCH', '/notes/3f1c6f0e-0d3a-4c38-9d7b-6f2f2a3f9b11', { text: 1 }, 'application/merge-patch+json'],
      ['PATCH', '/notes/3f1c6f0e-0d3a-4c38-9d7b-6f2f2a3f9b11', { text: 'a' }, 'application/json-patch+json'],
      ['PATCH', '/notes/3f1c6f0e-0d3a-4c38-9d7b-6f2f2a3f9b11', { text: 'a' }],
      ['PATCH', '/notes/1', { text: 'a' }, 'application/merge-patch+json'],
      ['DELETE', '/notes/3f1c6f0e-0d3a-4c38-9d7b-6f2f2a3f9b11', {}],
    ],
  },
  {
    what: 'tuples, maps by pattern, dependent members, conditions',
    paths: post('/shapes', {
      type: 'object',
      properties: {
        point: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'number' }], items: false, minItems: 2 },
        card: { type: 'string' },
        tags: { type: 'array', contains: { const: 'x' }, maxContains: 1, uniqueItems: true },
        country: { type: 'string' },
        zip: { type: 'string' },
      },
      patternProperties: { '^x-': { type: 'string' } },
      additionalProperties: false,
      propertyNames: { maxLength: 7 },
      dependentRequired: { card: ['country'] },
      if: { properties: { country: { const: 'DE' } }, required: ['country'] },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword
      then: { properties: { zip: { pattern: '^[0-9]{5}$' } } },
      else: { properties: { zip: { maxLength: 8 } } },
    }),
    allowed: [
      ['POST', '/shapes', { point: [1, 2.5], tags: ['x', 'y'], 'x-a': 'b' }],
      ['POST', '/shapes', { card: '1', country: 'DE', zip: '10115' }],
    ],
    forbidden: [
      ['POST', '/shapes', { point: [1] }],
      ['POST', '/shapes', { point: [1, 2, 3] }],
      ['POST', '/shapes', { tags: ['y'] }],
      ['POST', '/shapes', { tags: ['x', 'y', 'y'] }],
      ['POST', '/shapes', { 'x-a': 1 }],
      ['POST', '/shapes', { 'x-aaaaaaa': 'b' }],
      ['POST', '/shapes', { card: '1' }],
      ['POST', '/shapes', { country: 'DE', zip: 'AB' }],
    ],
  },
]
