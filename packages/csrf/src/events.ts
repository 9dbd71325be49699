import { defineEvents, type Events } from '@portcullis/kernel'

/** What this room reports. */
export const events: Events<'csrf.rejected' | 'csrf.cookie-exposed'> = defineEvents({
  'csrf.rejected': {
    severity: 'warning',
    meaning:
      'A state change was refused. `detail.reason` is `site` (Sec-Fetch-Site), `origin`, `token-missing`, ' +
      '`token-invalid` or `media-type`.',
  },
  'csrf.cookie-exposed': {
    severity: 'warning',
    meaning:
      'An answer set a cookie that looks like a session and lacks `Secure`, `HttpOnly`, `SameSite` or the prefix ' +
      '`__Host-`. `detail.cookie` names it, `detail.missing` lists what it lacks. Once per cookie.',
  },
})
