/** How loud an event is, in the words of the OWASP logging vocabulary. */
export type Severity = 'info' | 'warning' | 'critical'

/** `allowed`: it went on; `denied`: it was refused; `observed`: it would have been refused but for `reportOnly`. */
export type Outcome = 'allowed' | 'denied' | 'observed'

/** One kind of event: `<concern>.<past participle>`. */
export interface SecurityEventKind {
  readonly type: string
  readonly severity: Severity
  /** What happened, for the documentation. */
  readonly meaning: string
}

/** A room's events by type. */
export type Events<T extends string> = Readonly<Record<T, SecurityEventKind>>

/** Turns one table into a room's event kinds. */
export function defineEvents<T extends string>(
  table: Readonly<Record<T, { readonly severity: Severity; readonly meaning: string }>>,
): Events<T> {
  const kinds: Partial<Record<T, SecurityEventKind>> = {}
  for (const type of Object.keys(table) as T[]) kinds[type] = Object.freeze({ type, ...table[type] })
  return Object.freeze(kinds) as Events<T>
}
