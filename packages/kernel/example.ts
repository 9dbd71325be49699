import { defineErrors, defineEvents, defineRoom, onSecurityEvent, serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyPluginAsync } from 'fastify'

interface WafOptions {
  /** Words of user agents that are refused, in lower case. */
  agents?: readonly string[]
}

const events = defineEvents({ 'waf.matched': { severity: 'warning', meaning: 'A scanner named itself.' } })
const errors = defineErrors({
  PTC_WAF_MATCHED: { status: 403, sentence: 'Not allowed.', event: events['waf.matched'], meaning: 'It is a scanner.' },
})
const agents = {
  type: 'array',
  items: { type: 'string', minLength: 3, examples: ['sqlmap'] },
  examples: [['sqlmap']],
  description: 'Words of user agents that are refused, in lower case.',
}

const waf: FastifyPluginAsync<WafOptions> = defineRoom<WafOptions>({
  concern: 'waf',
  optionsSchema: {
    type: 'object',
    additionalProperties: false,
    properties: { agents: { ...agents, default: ['sqlmap', 'nikto'] } },
  },
  routeSchema: { type: 'object', additionalProperties: false, properties: { agents } },
  errors,
  events,
  setup: () => ({
    compile({ agents: words = [] }) {
      return {
        onRequest({ headers }) {
          const agent = headers['user-agent']?.toLowerCase()
          return words.some((word) => agent?.includes(word)) ? errors.PTC_WAF_MATCHED : undefined
        },
      }
    },
  }),
})

declare module 'fastify' {
  interface RouteSecurity {
    waf?: WafOptions | false
  }
}

export const app = Fastify(serverOptions({ logger: import.meta.main }))

onSecurityEvent(app, ({ type, code }) => app.log.warn({ code }, type))
await app.register(waf)

app.get('/search', { config: { security: { waf: { agents: ['curl', 'sqlmap'] } } } }, async () => ({ found: [] }))
app.get('/health', { config: { security: { waf: false } } }, async () => 'ok')

if (import.meta.main) await app.listen({ port: 3000 })
