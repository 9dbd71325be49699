import type { Finding } from '@portcullis/kernel'

/** Features that a Permissions-Policy may govern, as browsers ship them. */
export const features = [
  'accelerometer',
  'autoplay',
  'bluetooth',
  'browsing-topics',
  'camera',
  'clipboard-read',
  'clipboard-write',
  'cross-origin-isolated',
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
  'local-fonts',
  'magnetometer',
  'microphone',
  'midi',
  'otp-credentials',
  'payment',
  'picture-in-picture',
  'publickey-credentials-create',
  'publickey-credentials-get',
  'screen-wake-lock',
  'serial',
  'storage-access',
  'sync-xhr',
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
    const fixed = list.map((entry) => entry.replaceAll(/^['"]|['"]$/g, '')).filter((entry) => isMember(entry))
    const fix = [{ op: 'replace' as const, path: at, value: fixed }]
    for (const entry of list) {
      if (isMember(entry)) continue
      const message = `${JSON.stringify(entry)} is not self, * or an origin such as https://maps.example.com`
      findings.push({ at, rule: 'not-an-allowlist-member', message, fix })
    }
  }
  return findings
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
