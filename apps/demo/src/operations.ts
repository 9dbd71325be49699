import { stepUpAge } from './tokens.ts'

/** What the document tells of one operation beyond its answers to everybody. */
export interface Operation {
  readonly summary: string
  readonly description?: string
  readonly parameters?: readonly object[]
  readonly body?: object
  /** Answers of its own, by status: a schema, or null for an empty body. */
  readonly answers: Readonly<Record<number, object | null>>
  /** The refresh cookie: needed, or used if it is there. Everything else that admits a caller stands in the policies. */
  readonly cookie?: 'needed' | 'used'
}

const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
const list = (name: string): object => ({ type: 'array', items: ref(name) })
/** The body of every refusal. */
export const problem: object = ref('Problem')
const idParameter = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'integer', minimum: 1, maximum: 999_999_999 },
}

const uuidParameter = { ...idParameter, schema: { type: 'string', format: 'uuid' } }
const keyParameter = {
  ...idParameter,
  schema: { type: 'string', minLength: 12, maxLength: 12, pattern: '^[0-9A-Za-z]+$' },
}
const STEP_UP = `The password must have been given within the last ${stepUpAge} seconds: else 401 with \`insufficient_user_authentication\` (RFC 9470), and \`POST /step-up\` helps.`

/** Every operation, by path and method. */
export const operations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
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
      description:
        'Paced: 10 a second for each user. What comes faster waits, and is answered all the same; only what would wait longer than ten seconds is refused (429).',
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
