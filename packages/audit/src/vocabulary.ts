/** Our events that the OWASP logging vocabulary has a name for: what a SIEM's rules look for. */
const names: Readonly<Record<string, string>> = {
  'auth.failed': 'authn_login_fail',
  'auth.forbidden': 'authz_fail',
  'auth.revoked': 'authn_token_revoked',
  'cors.rejected': 'malicious_cors',
  'csrf.rejected': 'authz_fail',
  'issuer.refreshed': 'session_renewed',
  'issuer.rejected': 'authn_login_fail',
  'issuer.reused': 'authn_token_reuse',
  'issuer.signed-in': 'authn_login_success',
  'rate-limit.brute-force-suspected': 'authn_login_fail_max',
  'rate-limit.exceeded': 'excess_rate_limit_exceeded',
  'request.rejected': 'input_validation_fail',
  'validation.rejected': 'input_validation_fail',
  'waf.matched': 'malicious_attack_tool',
}

/**
 * The OWASP logging vocabulary's name of an event; an event without a counterpart there keeps only its own.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html
 * @returns for example `excess_rate_limit_exceeded` for `rate-limit.exceeded`.
 */
export function owaspName(type: string): string | undefined {
  return names[type]
}
