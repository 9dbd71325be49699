/** `rate-limit` as it is written in options: `rateLimit`. */
export function camel(concern: string): string {
  return concern.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}
