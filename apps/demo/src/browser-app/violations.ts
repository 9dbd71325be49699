import type { FastifyInstance } from 'fastify'
import { visitOf } from './visit.ts'

/** Where the page's browser tells what its policy has stopped. */
export const violationsPath = '/violations'

/** What is worth a line of a report. */
interface Violation {
  readonly directive: string
  readonly blocked: string
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})

/** Short, and without the query: addresses hold secrets there. */
const short = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 200).replace(/[?#].*/s, '') : '')

/** Reads both forms of a report: Reporting API, and the older one of `report-uri` (CSP3 §5.3, §5.4). */
export function readViolations(body: unknown): Violation[] {
  if (!Array.isArray(body)) {
    const old = fieldsOf(fieldsOf(body)['csp-report'])
    return [{ directive: short(old['effective-directive']), blocked: short(old['blocked-uri']) }]
  }
  return body.slice(0, 20).flatMap((report: unknown) => {
    const { type, body: told } = fieldsOf(report)
    const { effectiveDirective, blockedURL } = fieldsOf(told)
    return type === 'csp-violation' ? [{ directive: short(effectiveDirective), blocked: short(blockedURL) }] : []
  })
}

/** Writes down what the policy stopped, by visit: one that reports much is an attack, or a mistake of ours. */
export function violationRoutes(app: FastifyInstance): void {
  const types = ['application/reports+json', 'application/csp-report']
  app.addContentTypeParser(types, { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
  app.post(violationsPath, { bodyLimit: 32_768 }, (request, reply) => {
    const visit = visitOf(request)
    if (visit === null) return reply.code(403).send({ error: 'Only who has the page open may report.' })
    for (const violation of readViolations(request.body)) {
      request.log.warn({ visit, ...violation }, 'the policy of the page stopped something')
    }
    return reply.code(204).send()
  })
}
