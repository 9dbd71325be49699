/**
 * What a form, or a script without a preflight, can send (Fetch §2.2.2, CORS-safelisted request-header), and what browsers
 * post by themselves (HTML, hyperlink auditing; CSP, reporting).
 */
const FORM_ABLE: ReadonlySet<string> = new Set([
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'text/plain',
  'text/ping',
  'application/csp-report',
])

/** Whether a page of any site can send a body under this type without asking first. Absent: it can. */
export function isFormAble(contentType: string | undefined): boolean {
  if (contentType === undefined) return true
  const essence = essenceOf(contentType)
  return !essence.includes('/') || FORM_ABLE.has(essence)
}

/** Whether a body is a form with parts, which is parsed late. */
export function isMultipart(contentType: string | undefined): boolean {
  return contentType !== undefined && essenceOf(contentType) === 'multipart/form-data'
}

function essenceOf(contentType: string): string {
  const end = contentType.search(/[;,]/)
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}
