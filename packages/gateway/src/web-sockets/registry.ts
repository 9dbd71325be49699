import type { WebSockets } from './open.ts'

/** What is open, by the app's server: every scope has the same. */
const open = new WeakMap<object, WebSockets[]>()

/** Remembers the WebSockets of one route. */
export function rememberWebSockets({ server }: { readonly server: object }, webSockets: WebSockets): void {
  open.set(server, [...(open.get(server) ?? []), webSockets])
}

/**
 * Ends the WebSockets that an app has open, with 1012, as its closing does. It goes on answering: for a process that is
 * about to end, or that serves by another app and will not keep this one for their sake.
 */
export function endWebSockets({ server }: { readonly server: object }): void {
  for (const one of open.get(server) ?? []) one.close()
}
