/** The member of a form or of a JSON object that carries a token. */
export const MEMBER = 'csrf_token'

/**
 * Takes the token out of a parsed body, so that closed schemas and handlers never see it. A form's parser may hand a
 * field over as a string or, of `multipart/form-data`, as an object with a `value`.
 * @returns undefined if there is none; what is no text is a token that is not valid
 */
export function takeFrom(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, MEMBER)) return undefined
  const members = body as { [MEMBER]?: unknown }
  const carried = members[MEMBER]
  // A parser may have frozen it: then it stays.
  Reflect.deleteProperty(members, MEMBER)
  if (typeof carried === 'string') return carried
  const value = typeof carried === 'object' && carried !== null ? (carried as { value?: unknown }).value : undefined
  return typeof value === 'string' ? value : ''
}
