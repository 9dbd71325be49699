import type { FastifyInstance, RouteOptions } from 'fastify'
import type { AuthRoute } from './route-options.ts'

/** Marks a policy that a scope wrote, so that an inner scope may write another. */
const DEFAULTED = Symbol.for('portcullis.auth.defaulted')

type Config = { security?: { auth?: AuthRoute | false | undefined }; [DEFAULTED]?: true }

/**
 * Says who may use the routes of a Fastify scope that do not say so themselves: those that are declared in it, and in the
 * scopes inside it, after this call. The innermost scope wins; what a route writes itself always does.
 * @example
 * app.register(async (admin) => {
 *   setDefaultPolicy(admin, { roles: ['admin'] })
 *   admin.get('/users', listUsers)
 * })
 */
export function setDefaultPolicy(scope: FastifyInstance, policy: AuthRoute | false): void {
  scope.addHook('onRoute', (route: RouteOptions) => {
    const config = route.config as Config | undefined
    const security = config?.security
    // Something that is no object is told at boot.
    if (security !== undefined && (typeof security !== 'object' || security === null)) return
    if (security?.auth !== undefined && config?.[DEFAULTED] !== true) return
    route.config = { ...config, security: { ...security, auth: policy }, [DEFAULTED]: true } as NonNullable<
      RouteOptions['config']
    >
  })
}
