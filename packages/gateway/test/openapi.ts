/** The document of the tests: orders of a shop. */
export const document = {
  openapi: '3.1.1',
  info: { title: 'Orders', version: '1' },
  paths: {
    '/orders': {
      parameters: [{ $ref: '#/components/parameters/Tenant' }],
      get: {
        parameters: [
          { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100 } },
          { name: 'state', in: 'query', schema: { type: 'array', items: { enum: ['open', 'paid'] }, maxItems: 2 } },
          {
            name: 'fields',
            in: 'query',
            explode: false,
            schema: { type: 'array', items: { type: 'string', pattern: '^[a-z,]+$' } },
          },
          { name: 'closed', in: 'query', schema: { type: 'boolean' } },
        ],
        responses: {
          200: {
            description: 'Orders.',
            content: {
              'application/json': {
                schema: { type: 'array', items: { $ref: '#/components/schemas/Order' } },
              },
            },
          },
          default: { $ref: '#/components/responses/Problem' },
        },
      },
      post: {
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
        },
        responses: { 201: { description: 'Made.' } },
      },
    },
    '/orders/{orderId}': {
      parameters: [
        { name: 'orderId', in: 'path', required: true, schema: { type: 'integer', minimum: 1, maximum: 999_999 } },
      ],
      get: { responses: { 200: { description: 'One.' } } },
      put: {
        requestBody: {
          content: {
            'application/json': { schema: { $ref: '#/components/schemas/Order' } },
            'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
            'application/x-www-form-urlencoded': {
              schema: {
                type: 'object',
                additionalProperties: false,
                properties: { quantity: { type: 'integer', maximum: 10 } },
              },
            },
          },
        },
        responses: { 200: { description: 'One.' } },
      },
      delete: { responses: { 204: { description: 'Gone.' } } },
    },
    '/payments': {
      post: {
        requestBody: {
          required: true,
          content: {
            'application/vnd.shop+json': {
              schema: {
                oneOf: [{ $ref: '#/components/schemas/Card' }, { $ref: '#/components/schemas/Transfer' }],
                discriminator: { propertyName: 'by', mapping: { card: '#/components/schemas/Card' } },
              },
            },
          },
        },
        responses: { 200: { description: 'Paid.' } },
      },
    },
  },
  components: {
    parameters: {
      Tenant: { name: 'X-Tenant', in: 'header', required: false, schema: { type: 'string', pattern: '^[a-z]{1,10}$' } },
    },
    responses: {
      Problem: {
        description: 'A problem.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
    schemas: {
      Order: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'quantity'],
        properties: {
          id: { type: 'integer', readOnly: true },
          quantity: { type: 'integer', minimum: 1, maximum: 10 },
          note: { type: ['string', 'null'], maxLength: 200 },
          secret: { type: 'string', writeOnly: true },
          deliver: { type: 'string', format: 'date' },
          tags: { type: 'array', uniqueItems: true, maxItems: 5, items: { type: 'string' } },
          parts: { type: 'array', items: { $ref: '#/components/schemas/Order' } },
        },
      },
      Card: {
        type: 'object',
        required: ['number'],
        properties: { by: { type: 'string' }, number: { type: 'string', pattern: '^[0-9]{12,19}$' } },
      },
      Transfer: {
        type: 'object',
        required: ['iban'],
        properties: { by: { type: 'string' }, iban: { type: 'string', maxLength: 34 } },
      },
      Problem: { type: 'object', required: ['error'], properties: { error: { type: 'string' } } },
    },
  },
}
