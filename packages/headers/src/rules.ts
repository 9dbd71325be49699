import type { Finding } from '@portcullis/kernel'
import { checkCacheControl } from './cache-control.ts'
import { checkNames, checkPolicy, NONCE } from './csp.ts'
import type { HeadersRoute } from './options.ts'
import { checkPermissions } from './permissions.ts'
import { frameOptions } from './policy.ts'
import { enforcedLists, enforcedOnly, type Lists, reportedLists } from './profiles.ts'
import { checkEndpoints, checkReportTo } from './reporting.ts'

const holdsNonce = (lists: Lists | null): boolean =>
  Object.values(lists ?? {}).some((entries) => Array.isArray(entries) && entries.includes(NONCE))

/** Whether answers under these options carry a nonce. */
function usesNonce(options: Readonly<HeadersRoute>): boolean {
  const enforced = options.dangerouslyDisableContentSecurityPolicy === true ? null : enforcedLists(options)
  return holdsNonce(enforced) || holdsNonce(reportedLists(options))
}

/** A nonce that only default-src names is asked for by requests of every kind; it belongs where scripts are listed. */
function nonceWithoutScripts(at: 'contentSecurityPolicy' | 'contentSecurityPolicyReportOnly', lists: Lists): Finding[] {
  const written = lists['default-src']
  const fallback = typeof written === 'object' ? written : []
  if (!fallback.includes(NONCE) || lists['script-src'] !== undefined) return []
  const moved = [NONCE, "'strict-dynamic'"].filter((entry) => fallback.includes(entry))
  const others = fallback.filter((entry) => !moved.includes(entry))
  const path = `/${at}/default-src`
  return [
    {
      at: path,
      rule: 'nonce-without-script-src',
      message: `${NONCE} speaks of scripts; write it into 'script-src', and what all else may come from here`,
      fix: [
        { op: 'replace', path, value: others.length === 0 ? ["'none'"] : others },
        { op: 'add', path: `/${at}/script-src`, value: moved },
      ],
    },
  ]
}

/** X-Frame-Options that says something else than frame-ancestors, which browsers heed instead (CSP3 §6.4.2.2). */
function contradictingFrames(options: Readonly<HeadersRoute>): Finding[] {
  const { xFrameOptions, dangerouslyDisableContentSecurityPolicy: off } = options
  const ancestors = enforcedLists(options)['frame-ancestors']
  const expected = frameOptions(ancestors)
  if (off === true || xFrameOptions === undefined || expected === null || expected === xFrameOptions) return []
  const wanted = xFrameOptions === 'DENY' ? "'none'" : "'self'"
  return [
    {
      at: '/xFrameOptions',
      rule: 'contradicts-frame-ancestors',
      message: `says something else than 'frame-ancestors', which browsers heed; write ${expected}, or contentSecurityPolicy: { 'frame-ancestors': ["${wanted}"] }`,
      fix: [{ op: 'add', path: '/xFrameOptions', value: expected }],
    },
  ]
}

/** Rules between fields, and those of the small languages inside them. */
export function check(options: Readonly<HeadersRoute>): Finding[] {
  const {
    contentSecurityPolicy = {},
    contentSecurityPolicyReportOnly: twin,
    permissionsPolicy = {},
    reportingEndpoints = {},
    trustedTypes = [],
    cacheControl,
    dangerouslyAllowUnsafeScripts: unsafeScripts = false,
  } = options
  const findings = [
    ...checkPolicy({ ...contentSecurityPolicy }, unsafeScripts),
    ...checkPolicy({ ...twin }, unsafeScripts, 'contentSecurityPolicyReportOnly'),
    ...checkNames(trustedTypes, '/trustedTypes'),
    ...checkPermissions(permissionsPolicy),
    ...checkEndpoints(reportingEndpoints),
    ...checkReportTo('contentSecurityPolicy', contentSecurityPolicy['report-to'], reportingEndpoints),
    ...checkReportTo('contentSecurityPolicyReportOnly', twin?.['report-to'], reportingEndpoints),
    ...nonceWithoutScripts('contentSecurityPolicy', enforcedLists(options)),
    ...(twin?.['default-src'] === undefined
      ? []
      : nonceWithoutScripts('contentSecurityPolicyReportOnly', reportedLists(options) ?? {})),
    ...contradictingFrames(options),
    ...(cacheControl === undefined ? [] : checkCacheControl(cacheControl)),
  ]
  for (const directive of Object.keys(twin ?? {}).filter((name) => enforcedOnly.has(name))) {
    const at = `/contentSecurityPolicyReportOnly/${directive}`
    findings.push({
      at,
      rule: 'without-effect-in-reports',
      message: 'is ignored by browsers in a policy that only reports; write it into contentSecurityPolicy',
      fix: [{ op: 'remove', path: at }],
    })
  }
  if (cacheControl !== undefined && !/\b(?:no-store|no-cache|private)\b/.test(cacheControl) && usesNonce(options)) {
    findings.push({
      at: '/cacheControl',
      rule: 'nonce-in-shared-cache',
      message: 'lets caches hand one nonce to many readers; write no-store, or a policy without a nonce',
      fix: [{ op: 'add', path: '/cacheControl', value: 'no-store' }],
    })
  }
  return findings
}
