import type { Finding } from '@portcullis/kernel'

/** Features that a Permissions-Policy may govern, as browsers ship them. */
export const features = [
  'accelerometer',
  'ambient-light-sensor',
  'attribution-reporting',
  'autoplay',
  'bluetooth',
  'browsing-topics',
  'camera',
  'captured-surface-control',
  'clipboard-read',
  'clipboard-write',
  'compute-pressure',
  'cross-origin-isolated',
  'digital-credentials-get',
  'display-capture',
  'encrypted-media',
  'fullscreen',
  'gamepad',
  'geolocation',
  'gyroscope',
  'hid',
  'identity-credentials-get',
  'idle-detection',
  'keyboard-map',
  'language-detector',
  'local-fonts',
  'local-network-access',
  'magnetometer',
  'microphone',
  'midi',
  'otp-credentials',
  'payment',
  'picture-in-picture',
  'private-state-token-issuance',
  'private-state-token-redemption',
  'publickey-credentials-create',
  'publickey-credentials-get',
  'screen-wake-lock',
  'serial',
  'shared-storage',
  'speaker-selection',
  'storage-access',
  'summarizer',
  'sync-xhr',
  'translator',
  'unload',
  'usb',
  'web-share',
  'window-management',
  'xr-spatial-tracking',
] as const

/** One feature's name. */
export type Feature = (typeof features)[number]

/** True for `https://host[:port]` and nothing behind it. */
function isOrigin(entry: string): boolean {
  return /^https?:\/\/(?:\*\.)?[a-z0-9.-]+(?::\d{1,5})?$/i.test(entry)
}

/**
 * Looks for entries that are no member of an allow-list (Permissions Policy §5.2).
 * @param written allow-lists by feature.
 */
export function checkPermissions(written: Readonly<Record<string, readonly string[]>>): Finding[] {
  const findings: Finding[] = []
  for (const [feature, list] of Object.entries(written)) {
    const at = `/permissionsPolicy/${feature}`
    const members = [...new Set(list.map(repaired).filter(isMember))]
    const fix = [{ op: 'replace' as const, path: at, value: members.includes('*') ? ['*'] : members }]
    for (const [index, entry] of list.entries()) {
      if (!isMember(entry)) {
        const message = `${JSON.stringify(entry)} is not self, * or an origin such as https://maps.example.com`
        findings.push({ at, rule: 'not-an-allowlist-member', message, fix })
      } else if (list.indexOf(entry) !== index)
        findings.push({ at, rule: 'duplicate-member', message: `${entry} stands there twice; remove one`, fix })
    }
    if (list.includes('*') && list.some((entry) => entry !== '*'))
      findings.push({ at, rule: 'star-with-others', message: '* admits everybody; remove the others, or it', fix })
  }
  return findings
}

/** Without quotes, and an address cut down to its origin. */
function repaired(entry: string): string {
  const bare = entry.replaceAll(/^['"]|['"]$/g, '')
  return isMember(bare) || !URL.canParse(bare) ? bare : new URL(bare).origin
}

const isMember = (entry: string): boolean => entry === 'self' || entry === '*' || isOrigin(entry)

/**
 * Writes the field's value (a structured dictionary, RFC 9651 §3.2).
 * @returns for example `camera=(), geolocation=(self "https://maps.example.com")`.
 */
export function writePermissions(policy: Readonly<Record<string, readonly string[]>>): string {
  const members: string[] = []
  for (const [feature, list] of Object.entries(policy)) {
    const inner = list.map((entry) => (isOrigin(entry) ? `"${entry}"` : entry)).join(' ')
    members.push(list.includes('*') ? `${feature}=*` : `${feature}=(${inner})`)
  }
  return members.join(', ')
}
