import type { Mistake } from '@portcullis/kernel'
import type { Carried } from './carried.ts'
import type { Snapshot } from './metrics.ts'
import type { Ports, Revoked } from './serving.ts'

/** What a worker begins with. */
export interface Start {
  readonly reading: Carried
  /** The URL of the module that adds to the file. */
  readonly module?: string
}

/** What the first process asks of a worker, and what that gives. */
export interface Calls {
  open: { readonly given: Start; readonly gives: Ports }
  prepare: { readonly given: Carried; readonly gives: null }
  proceed: { readonly given: null; readonly gives: null }
  discard: { readonly given: null; readonly gives: null }
  revoke: { readonly given: Revoked; readonly gives: null }
  leave: { readonly given: null; readonly gives: null }
  close: { readonly given: null; readonly gives: null }
  isReady: { readonly given: null; readonly gives: boolean }
  snapshot: { readonly given: null; readonly gives: Snapshot }
}

export type CallName = keyof Calls

/** A call on its way to a worker. */
export interface Call<Name extends CallName = CallName> {
  readonly id: number
  readonly call: Name
  readonly given: Calls[Name]['given']
}

/** The call that nobody made: its answer says that calls are heard from now on. */
export const HEARS = -1

/** Its answer. */
export interface Answer {
  readonly id: number
  readonly gives?: unknown
  /** Why there is none. */
  readonly error?: string
  /** Of a boot that was refused. */
  readonly mistakes?: readonly Pick<Mistake, 'path' | 'message' | 'route'>[]
}
