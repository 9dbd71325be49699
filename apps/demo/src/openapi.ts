import { accountsAnswer, transferAnswer, transferBody } from './payment-service/schemas.ts'
import { exportPace } from './gateway/limits.ts'
import { problemSchema } from './problem.ts'
import { type Scope, scopes } from './tokens.ts'
import { refreshCookie } from './user-service/refresh-cookie.ts'
import {
  commentAnswer,
  commentBody,
  loginBody,
  postAnswer,
  postBody,
  registerBody,
  tokenAnswer,
  userAnswer,
} from './user-service/schemas.ts'

/** What the document tells of one operation beyond its answers to everybody. */
interface Operation {
  readonly summary: string
  readonly description?: string
  /** Absent: open to everybody. */
  readonly scope?: Scope
  readonly parameters?: readonly object[]
  readonly body?: object
  /** Answers of its own, by status: a schema, or null for an empty body. */
  readonly answers: Readonly<Record<number, object | null>>
  readonly cookie?: boolean
}

const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
const list = (name: string): object => ({ type: 'array', items: ref(name) })
const problem = ref('Problem')
const idParameter = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'integer', minimum: 1, maximum: 999_999_999 },
}

const operations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/register': {
    post: { summary: 'Register', body: ref('Register'), answers: { 201: ref('User'), 409: problem } },
  },
  '/login': {
    post: {
      summary: 'Sign in; sets the refresh cookie',
      body: ref('Login'),
      answers: { 200: ref('Tokens'), 401: problem },
    },
  },
  '/refresh': {
    post: {
      summary: 'A new access token for the refresh cookie, and its successor',
      cookie: true,
      answers: { 200: ref('Tokens'), 401: problem },
    },
  },
  '/logout': { post: { summary: 'End the session', cookie: true, answers: { 204: null } } },
  '/users/profile': { get: { summary: 'The caller', scope: 'profile:read', answers: { 200: ref('User') } } },
  '/users': {
    get: {
      summary: 'Users whose name or email address contains a text',
      scope: 'users:read',
      parameters: [
        { name: 'search', in: 'query', schema: { type: 'string', maxLength: 64 } },
        { name: 'sort', in: 'query', schema: { type: 'string', enum: ['id', 'username', 'email'], default: 'id' } },
      ],
      answers: { 200: list('User') },
    },
  },
  '/posts': {
    get: { summary: 'The newest posts', scope: 'posts:read', answers: { 200: list('Post') } },
    post: { summary: 'Write a post', scope: 'posts:write', body: ref('NewPost'), answers: { 201: ref('Post') } },
  },
  '/posts/export': {
    get: {
      summary: 'Every post, oldest first',
      description: `Paced: ${exportPace.limit} a second for each user. What comes faster waits, and is answered all the same; only what would wait longer than ten seconds is refused (429).`,
      scope: 'posts:read',
      answers: { 200: list('Post') },
    },
  },
  '/posts/{id}/comments': {
    get: {
      summary: 'Comments',
      scope: 'posts:read',
      parameters: [idParameter],
      answers: { 200: list('Comment'), 404: problem },
    },
    post: {
      summary: 'Comment on a post',
      scope: 'posts:write',
      parameters: [idParameter],
      body: ref('NewComment'),
      answers: { 201: ref('Comment'), 404: problem },
    },
  },
  '/accounts': { get: { summary: "The caller's accounts", scope: 'accounts:read', answers: { 200: ref('Accounts') } } },
  '/transfer': {
    post: {
      summary: "Move cents from the caller's account to another",
      scope: 'transfers:write',
      body: ref('Transfer'),
      answers: { 200: ref('Transferred'), 404: problem, 409: problem, 422: problem },
    },
  },
  '/openapi.json': { get: { summary: 'This document', answers: { 200: { type: 'object' } } } },
}

/** The API as an OpenAPI 3.1 document, made of the very schemas the services check with. */
export function openapiDocument(server: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [path, methods] of Object.entries(operations)) {
    const item: Record<string, object> = {}
    for (const [method, operation] of Object.entries(methods)) item[method] = describe(operation)
    paths[path] = item
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Portcullis demo',
      version: '1.0.0',
      description: 'Amounts are integer cents.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: server }],
    security: [],
    paths,
    components: {
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `Scopes: ${scopes.join(', ')}.`,
        },
        refreshToken: { type: 'apiKey', in: 'cookie', name: refreshCookie },
      },
      schemas: {
        Problem: problemSchema,
        Register: registerBody,
        Login: loginBody,
        Tokens: tokenAnswer,
        User: userAnswer,
        NewPost: postBody,
        Post: postAnswer,
        NewComment: commentBody,
        Comment: commentAnswer,
        Accounts: accountsAnswer,
        Transfer: transferBody,
        Transferred: transferAnswer,
      },
    },
  }
}

function describe(operation: Operation): object {
  const guarded = operation.scope !== undefined
  const answers: Record<number, object | null> = {
    ...(operation.body === undefined && operation.parameters === undefined ? {} : { 400: problem }),
    ...(guarded ? { 401: problem, 403: problem } : {}),
    ...operation.answers,
    429: problem,
    503: problem,
  }
  const responses = Object.entries(answers).map(([status, schema]) => [
    status,
    schema === null
      ? { description: 'Done.' }
      : { description: schema === problem ? 'Refused.' : 'Done.', content: { 'application/json': { schema } } },
  ])
  return {
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    ...(guarded ? { security: [{ accessToken: [operation.scope] }] } : {}),
    ...(operation.cookie ? { security: [{ refreshToken: [] }] } : {}),
    ...(operation.parameters === undefined ? {} : { parameters: operation.parameters }),
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: operation.body } } } }),
    responses: Object.fromEntries(responses),
  }
}
