import Fastify, { type RouteSecurity } from 'fastify'
import { pino } from 'pino'
import audit, { type AccessRecord, type AuditOptions } from '../src/index.ts'

const app = Fastify()
await app.register(audit, { logger: pino(), reportOnly: true })
// @ts-expect-error a logger has levels
void ({ logger: { info() {} } } satisfies AuditOptions)
// @ts-expect-error a list of names
void ({ secretParams: 'token' } satisfies AuditOptions)
void ({ audit: { access: false } } satisfies RouteSecurity)
// @ts-expect-error the logger is the registration's
void ({ audit: { logger: pino() } } satisfies RouteSecurity)

const status: number | null = ({} as AccessRecord).status
void status
