import type { DemoDoor } from './demo-door.ts'
import { refreshCookie } from '../apps/demo/src/user-service/refresh-cookie.ts'
import type { Target } from './sqlmap.ts'

/** One parameter of the demo, and as whom it is asked. */
export interface DemoTarget extends Target {
  readonly by: 'user' | 'anonymous'
}

/** Members of a body, each a target of its own. */
function members(
  by: DemoTarget['by'],
  path: string,
  body: Readonly<Record<string, unknown>>,
  ...more: string[]
): DemoTarget[] {
  return [...Object.keys(body), ...more].map((parameter) => ({
    name: `POST ${path} ${parameter}`,
    by,
    path,
    parameter,
    data: JSON.stringify(body),
  }))
}

const NEWCOMER = { username: 'newcomer', email: 'newcomer@example.com', password: 'a long enough secret' }
const SIGN_IN = '{"username":"alice","password":"battery-staple-9"}'
const COOKIE = `${refreshCookie}=${'A'.repeat(43)}`

/**
 * Every parameter of the demo: paths, queries, members of JSON, and the fields and cookies whose value a statement holds.
 * (Access tokens and API keys are verified before anything of them is.) Numbers are sent as text, into which sqlmap can
 * write; as numbers its words are no JSON.
 * @param key an API key
 */
export function demoTargets(key: string): DemoTarget[] {
  return [
    { name: 'GET /users ?search', by: 'user', path: '/users?search=ma&sort=id', parameter: 'search' },
    { name: 'GET /users ?sort', by: 'user', path: '/users?search=ma&sort=id', parameter: 'sort' },
    { name: 'GET /posts/{id}/comments', by: 'user', path: '/posts/1*/comments' },
    { name: 'POST /posts/{id}/comments {id}', by: 'user', path: '/posts/1*/comments', data: '{"comment":"hello"}' },
    {
      name: 'DELETE /sessions/{id}',
      by: 'user',
      method: 'DELETE',
      path: '/sessions/00000000-0000-4000-8000-000000000000*',
    },
    { name: 'DELETE /api-keys/{id}', by: 'user', method: 'DELETE', path: '/api-keys/000000000000*' },
    ...members('user', '/posts', { title: 'hello', body: 'world' }),
    ...members('user', '/posts/1/comments', { comment: 'hello' }),
    ...members('user', '/transfer', { amount: '1', toAccount: '1002' }),
    ...members('user', '/step-up', { password: 'correct-horse-8' }),
    ...members('user', '/api-keys', { name: 'key', days: '1', scopes: 'posts:read' }),
    ...members('anonymous', '/register', NEWCOMER),
    ...members('anonymous', '/login', { username: 'alice', password: 'battery-staple-8' }),
    {
      name: 'POST /login User-Agent (the label of a session)',
      by: 'anonymous',
      path: '/login',
      parameter: 'user-agent',
      data: SIGN_IN,
      holds: 'access_token',
    },
    { name: 'GET /posts X-API-Key', by: 'anonymous', path: '/posts', headers: [`X-API-Key: ${key}*`] },
    {
      name: 'GET /accounts Authorization',
      by: 'anonymous',
      path: '/accounts',
      headers: ['Authorization: Bearer a.b.c*'],
    },
    ...['/refresh', '/logout'].map((path): DemoTarget => ({
      name: `POST ${path} Cookie`,
      by: 'anonymous',
      method: 'POST',
      path,
      parameter: refreshCookie,
      cookie: COOKIE,
    })),
    {
      name: 'POST /login Cookie',
      by: 'anonymous',
      path: '/login',
      parameter: refreshCookie,
      data: SIGN_IN,
      cookie: COOKIE,
      holds: 'access_token',
    },
  ]
}

/** An API key of the user behind the door. */
export async function keyOf({ demo }: DemoDoor): Promise<string> {
  const { token } = await demo.signIn()
  const { json } = await demo.call('POST', '/api-keys', {
    token,
    json: { name: 'proof', scopes: ['posts:read'], days: 1 },
  })
  return json.key as string
}
