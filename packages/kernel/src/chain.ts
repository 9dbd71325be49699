import { decorating, order } from './order.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import type { Registration, State } from './state.ts'
import type { Phase, Step, Steps } from './steps.ts'
import { emit } from './events.ts'
import { gate } from './gate.ts'

type PreParsing = NonNullable<Steps['preParsing']>
type OnSend = NonNullable<Steps['onSend']>
type Close = NonNullable<Steps['close']>

/** Everything that acts on one route's requests, phase by phase, in the order of the table. Frozen at `ready`. */
export interface Chain {
  /** Concerns in force, in the order in which they first act. */
  readonly concerns: readonly string[]
  /** Effective policy by concern; rooms without steps included. */
  readonly policies: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  readonly onRequest: readonly Step[]
  /** How many of the first onRequest steps only decorate or record. */
  readonly decorating: number
  readonly preParsing: readonly PreParsing[] | null
  readonly preValidation: readonly Step[] | null
  readonly preHandler: readonly Step[] | null
  readonly onSend: readonly OnSend[] | null
  readonly close: readonly Close[] | null
  /** An OPTIONS route: a preflight follows the policy of the route that it asks for. */
  readonly preflights: boolean
}

/** One concern's part of a chain. */
export interface Link {
  readonly registration: Registration
  readonly policy: Readonly<Record<string, unknown>>
  readonly steps: Steps
}

/** Sorts the links of one route into its chain. */
export function buildChain(state: State, links: ReadonlyMap<string, Link>, preflights: boolean): Chain {
  const gather = (phase: Phase): (readonly [string, (...given: never[]) => unknown])[] =>
    order[phase].flatMap(({ concern }) => {
      const link = links.get(concern)
      const step = link?.steps[phase]
      if (link === undefined || step === undefined) return []
      const run = step.bind(link.steps) as (...given: never[]) => unknown
      return [[concern, link.policy['reportOnly'] === true && phase !== 'close' ? observed(run) : run] as const]
    })
  const phase = <P extends Phase>(name: P): NonNullable<Steps[P]>[] | null => {
    const steps = gather(name).map(([, step]) => step as unknown as NonNullable<Steps[P]>)
    return steps.length === 0 ? null : steps
  }

  const first = gather('onRequest')
  const decorators = first.filter(([concern]) => decorating.has(concern))
  const refusers = first.filter(([concern]) => !decorating.has(concern))
  const onRequest = [...decorators.map(([, step]) => step), gate(state), ...refusers.map(([, step]) => step)] as Step[]

  const acting = Object.values(order).flatMap((places) => places.map(({ concern }) => concern))
  const concerns = [...new Set(acting)].filter((concern) => links.has(concern))
  return Object.freeze({
    concerns: [...concerns, ...[...links.keys()].filter((concern) => !concerns.includes(concern))],
    policies: new Map([...links].map(([concern, link]) => [concern, link.policy])),
    onRequest,
    decorating: decorators.length,
    preParsing: phase('preParsing'),
    preValidation: phase('preValidation'),
    preHandler: phase('preHandler'),
    onSend: phase('onSend'),
    close: phase('close'),
    preflights,
  })
}

/** `reportOnly`: the same decision, told instead of enforced. */
function observed(step: (...given: never[]) => unknown): (...given: never[]) => unknown {
  const tell = (verdict: unknown, request: Parameters<Step>[0]): unknown => {
    if (!isRefusal(verdict)) return verdict
    emitRefusal(request, verdict, 'observed')
    return undefined
  }
  return (...given) => {
    const verdict = step(...given)
    const request = given[0] as unknown as Parameters<Step>[0]
    return verdict instanceof Promise ? verdict.then((settled) => tell(settled, request)) : tell(verdict, request)
  }
}

/** Raises the event of a refusal. */
export function emitRefusal(request: Parameters<Step>[0], refusal: Refusal, outcome: 'denied' | 'observed'): void {
  const { detail } = refusal.details
  emit(request, refusal.event, { outcome, code: refusal.code, ...(detail === undefined ? {} : { detail }) })
}
