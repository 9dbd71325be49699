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

/** Short, and without the query: addresses hold secrets there. */
const short = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 200).replace(/[?#].*/s, '') : '')

const field = { type: ['string', 'number', 'boolean', 'null'], maxLength: 16_384, minimum: -1e15, maximum: 1e15 }
const fields = { type: 'object', maxProperties: 64, additionalProperties: field }

/** What browsers send, by media type: the Reporting API's lists, and the older form of `report-uri` (CSP3 §5.3, §5.4). */
export const reports = {
  'application/reports+json': {
    type: 'array',
    maxItems: 100,
    items: {
      type: 'object',
      additionalProperties: field,
      maxProperties: 16,
      required: ['type', 'body'],
      properties: { type: { type: 'string', maxLength: 100 }, body: fields },
    },
  },
  'application/csp-report': {
    type: 'object',
    additionalProperties: false,
    required: ['csp-report'],
    properties: { 'csp-report': fields },
  },
} as const

/** A report, as the schemas admit it. */
export type Reports = readonly { readonly type: string; readonly body: Fields }[] | { readonly 'csp-report': Fields }

/** Reads both forms. */
export function readViolations(sent: Reports): Violation[] {
  if ('csp-report' in sent) {
    const old = sent['csp-report']
    return [{ directive: short(old['effective-directive']), blocked: short(old['blocked-uri']) }]
  }
  return sent
    .filter(({ type }) => type === 'csp-violation')
    .slice(0, 20)
    .map(({ body }) => ({ directive: short(body['effectiveDirective']), blocked: short(body['blockedURL']) }))
}

const schema = {
  body: { content: Object.fromEntries(Object.entries(reports).map(([type, one]) => [type, { schema: one }])) },
  response: { 204: { type: 'null' } },
}

/** Writes down what the policy stopped, by visit: one that reports much is an attack, or a mistake of ours. */
export function violationRoutes(app: FastifyInstance): void {
  app.addContentTypeParser(Object.keys(reports), { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
  app.post<{ Body: Reports }>(
    violationsPath,
    // Any page's policy may name us in `report-uri`: such reports are no JSON to a browser. Their origin tells them apart.
    {
      bodyLimit: 32_768,
      schema,
      config: { security: { validation: { empty: ['query'] }, csrf: { jsonOnly: false } } },
    },
    (request, reply) => {
      const visit = visitOf(request)
      if (visit === null) return reply.code(403).send({ error: 'Only who has the page open may report.' })
      for (const violation of readViolations(request.body)) {
        request.log.warn({ visit, ...violation }, 'the policy of the page stopped something')
      }
      return reply.code(204).send()
    },
  )
}
