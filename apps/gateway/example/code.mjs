/** @type {import('@portcullis/gateway-server').Extension} */
export default {
  routes(scope) {
    const security = { auth: { roles: ['operator'] } }
    scope.get('/status', { config: { security } }, async () => ({ open: true }))
  },
  onEvent({ type, outcome, severity, request }) {
    process.stderr.write(`${JSON.stringify({ type, outcome, severity, route: request?.routeOptions.url })}\n`)
  },
}
