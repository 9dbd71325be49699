import type { FastifyPluginAsync, RequestSecurity, RouteSecurity } from 'fastify'
import validation, { type PathFault, type ValidationOptions, type ValidationRoute } from '../src/index.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => undefined

same<typeof validation, FastifyPluginAsync<ValidationOptions>>(true)
same<RouteSecurity['validation'], ValidationRoute | false | undefined>(true)
same<RequestSecurity['pathFault'], PathFault | null | undefined>(true)

void ({ validation: { json: { depth: 4 }, empty: ['query'] } } satisfies RouteSecurity)
void ({ validation: false } satisfies RouteSecurity)
// @ts-expect-error a misspelt key
void ({ validation: { jsn: {} } } satisfies RouteSecurity)
// @ts-expect-error a fault that none may admit
void ({ admitInPath: ['dot-segment'] } satisfies ValidationOptions)
