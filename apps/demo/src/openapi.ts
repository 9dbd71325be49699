import { accountsAnswer, transferAnswer, transferBody } from './payment-service/schemas.ts'
import { exportPace } from './gateway/limits.ts'
import { problemSchema } from './problem.ts'
import { scopes, stepUpAge } from './tokens.ts'
import { refreshCookie } from './user-service/refresh-cookie.ts'
import {
  commentAnswer,
  commentBody,
  keyAnswer,
  keyBody,
  loginBody,
  newKeyAnswer,
  postAnswer,
  postBody,
  registerBody,
  sessionAnswer,
  stepUpBody,
  tokenAnswer,
  userAnswer,
} from './user-service/schemas.ts'

/** What the document tells of one operation beyond its answers to everybody. */
interface Operation {
  readonly summary: string
  readonly description?: string
  readonly parameters?: readonly object[]
  readonly body?: object
  /** Answers of its own, by status: a schema, or null for an empty body. */
  readonly answers: Readonly<Record<number, object | null>>
  /** The refresh cookie: needed, or used if it is there. Everything else that admits a caller stands in the policies. */
  readonly cookie?: 'needed' | 'used'
}

const csrfTokenAnswer = {
  type: 'object',
  required: ['csrf_token'],
  properties: { csrf_token: { type: 'string' } },
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

const uuidParameter = { ...idParameter, schema: { type: 'string', format: 'uuid' } }
const keyParameter = { ...idParameter, schema: { type: 'string', pattern: '^[0-9A-Za-z]{12}$' } }
const STEP_UP = `The password must have been given within the last ${stepUpAge} seconds: else 401 with \`insufficient_user_authentication\` (RFC 9470), and \`POST /step-up\` helps.`

const operations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/register': {
    post: { summary: 'Register', body: ref('Register'), answers: { 201: ref('User'), 409: problem, 422: problem } },
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
      cookie: 'needed',
      answers: { 200: ref('Tokens'), 401: problem },
    },
  },
  '/logout': { post: { summary: 'End the session', cookie: 'used', answers: { 204: null } } },
  '/logout/everywhere': { post: { summary: 'End all sessions, and their access tokens', answers: { 204: null } } },
  '/step-up': {
    post: {
      summary: 'An access token for a user who gives the password again',
      description: 'Only this token says so: the next refresh gives the time of the sign-in again.',
      body: ref('StepUp'),
      answers: { 200: ref('Tokens'), 401: problem },
    },
  },
  '/sessions': { get: { summary: "The caller's sessions, the last used first", answers: { 200: list('Session') } } },
  '/sessions/{id}': {
    delete: { summary: 'End one session', parameters: [uuidParameter], answers: { 204: null, 404: problem } },
  },
  '/api-keys': {
    get: { summary: "The caller's API keys", answers: { 200: list('ApiKey') } },
    post: {
      summary: 'Make an API key; the answer shows it once',
      description: STEP_UP,
      body: ref('NewApiKey'),
      answers: { 201: ref('CreatedApiKey'), 409: problem },
    },
  },
  '/api-keys/{id}': {
    delete: { summary: 'Withdraw an API key', parameters: [keyParameter], answers: { 204: null, 404: problem } },
  },
  '/users/profile': { get: { summary: 'The caller', answers: { 200: ref('User') } } },
  '/users': {
    get: {
      summary: 'Users whose name or email address contains a text',
      parameters: [
        { name: 'search', in: 'query', schema: { type: 'string', maxLength: 64 } },
        { name: 'sort', in: 'query', schema: { type: 'string', enum: ['id', 'username', 'email'], default: 'id' } },
      ],
      answers: { 200: list('User') },
    },
  },
  '/posts': {
    get: { summary: 'The newest posts', answers: { 200: list('Post') } },
    post: { summary: 'Write a post', body: ref('NewPost'), answers: { 201: ref('Post') } },
  },
  '/posts/export': {
    get: {
      summary: 'Every post, oldest first',
      description: `Paced: ${exportPace.limit} a second for each user. What comes faster waits, and is answered all the same; only what would wait longer than ten seconds is refused (429).`,
      answers: { 200: list('Post') },
    },
  },
  '/posts/{id}/comments': {
    get: {
      summary: 'Comments',
      parameters: [idParameter],
      answers: { 200: list('Comment'), 404: problem },
    },
    post: {
      summary: 'Comment on a post',
      parameters: [idParameter],
      body: ref('NewComment'),
      answers: { 201: ref('Comment'), 404: problem },
    },
  },
  '/accounts': { get: { summary: "The caller's accounts", answers: { 200: ref('Accounts') } } },
  '/transfer': {
    post: {
      summary: "Move cents from the caller's account to another",
      description: STEP_UP,
      body: ref('Transfer'),
      answers: { 200: ref('Transferred'), 404: problem, 409: problem, 422: problem },
    },
  },
  '/csrf-token': {
    get: {
      summary: 'A CSRF token of the session, for scripts that send its cookie',
      description:
        'Browsers say whose page asks. Whoever sends the refresh cookie and neither `Origin` nor `Sec-Fetch-Site` sends this as `X-CSRF-Token`.',
      answers: { 200: ref('CsrfToken') },
    },
  },
  '/openapi.json': { get: { summary: 'This document', answers: { 200: { type: 'object' } } } },
}

/** `transform` of `documentSecurity()`: what the policies of a route say, in the words of OpenAPI. */
export type SecurityTransform = (given: {
  schema: never
  url: string
  route: { method: string; url: string }
  openapiObject: object
}) => { readonly schema: unknown }

type Requirement = Readonly<Record<string, readonly string[]>>

/** The API as an OpenAPI 3.1 document, made of the very schemas the services check with, and of the gateway's policies. */
export function openapiDocument(server: string, transform: SecurityTransform): object {
  const paths: Record<string, Record<string, object>> = {}
  const securitySchemes: Record<string, object> = {
    refreshToken: { type: 'apiKey', in: 'cookie', name: refreshCookie },
  }
  const described = { openapi: '3.1.0', components: { securitySchemes } }
  const securityOf = (method: string, path: string): readonly Requirement[] => {
    const route = { method: method.toUpperCase(), url: path.replaceAll(/\{(\w+)\}/g, ':$1') }
    const { schema } = transform({ schema: {} as never, url: route.url, route, openapiObject: described })
    return (schema as { readonly security: readonly Requirement[] }).security
  }
  for (const [path, methods] of Object.entries(operations)) {
    const item: Record<string, object> = {}
    for (const [method, operation] of Object.entries(methods))
      item[method] = describe(method, operation, securityOf(method, path))
    paths[path] = item
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Portcullis demo',
      version: '1.0.0',
      description: `Amounts are integer cents. Scopes: ${scopes.join(', ')}.`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: server }],
    security: [],
    paths,
    components: {
      securitySchemes,
      schemas: {
        Problem: problemSchema,
        CsrfToken: csrfTokenAnswer,
        Register: registerBody,
        Login: loginBody,
        StepUp: stepUpBody,
        Tokens: tokenAnswer,
        Session: sessionAnswer,
        NewApiKey: keyBody,
        CreatedApiKey: newKeyAnswer,
        ApiKey: keyAnswer,
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

function describe(method: string, operation: Operation, admitted: readonly Requirement[]): object {
  const guarded = admitted.length > 0
  const cookie: readonly Requirement[] = [{ refreshToken: [] }, ...(operation.cookie === 'used' ? [{}] : [])]
  const changes = method !== 'get'
  const answers: Record<number, object | null> = {
    // What no schema admits; and of two credentials that are both admitted none counts.
    400: problem,
    ...(guarded ? { 401: problem } : {}),
    // A scope that is lacking, or a page that is not ours.
    ...(guarded || changes ? { 403: problem } : {}),
    ...(operation.body === undefined ? {} : { 413: problem, 415: problem }),
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
    security: operation.cookie === undefined ? admitted : cookie,
    ...(operation.parameters === undefined ? {} : { parameters: operation.parameters }),
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: operation.body } } } }),
    responses: Object.fromEntries(responses),
  }
}
