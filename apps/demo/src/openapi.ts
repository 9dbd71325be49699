import { type Operation, operations, problem } from './operations.ts'
import { accountsAnswer, transferAnswer, transferBody } from './payment-service/schemas.ts'
import { problemSchema } from './problem.ts'
import { scopes } from './tokens.ts'
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

const csrfTokenAnswer = {
  type: 'object',
  required: ['csrf_token'],
  properties: { csrf_token: { type: 'string' } },
}

/** `transform` of `documentSecurity()`: what the policies of a route say, in the words of OpenAPI. */
export type SecurityTransform = (given: {
  schema: never
  url: string
  route: { method: string; url: string }
  openapiObject: object
}) => { readonly schema: unknown }

type Requirement = Readonly<Record<string, readonly string[]>>

/**
 * The API as an OpenAPI 3.1 document, made of the very schemas the services check with, and of the gateway's policies.
 * @param transform absent: without who may ask, which the policies of the gateway say
 */
export function openapiDocument(server: string, transform?: SecurityTransform): object {
  const paths: Record<string, Record<string, object>> = {}
  const securitySchemes: Record<string, object> = {
    refreshToken: { type: 'apiKey', in: 'cookie', name: refreshCookie },
  }
  const described = { openapi: '3.1.0', components: { securitySchemes } }
  const securityOf = (method: string, path: string): readonly Requirement[] => {
    if (transform === undefined) return []
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
