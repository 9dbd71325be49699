const part = (token: string, index: number): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[index] as string, 'base64url').toString()) as Record<string, unknown>

/** The header of a compact JWS, unverified. */
export const decodeProtectedHeader = (token: string): Record<string, unknown> => part(token, 0)

/** The claims of a compact JWS, unverified. */
export const decodeJwt = (token: string): Record<string, unknown> => part(token, 1)
