import { decorating, order } from './order.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { stateOf, type Registration, type State } from './state.ts'
import { isThenable, type Phase, type Step, type Steps, type Watch } from './steps.ts'
import { emit } from './events.ts'
import { gate } from './gate.ts'

type PreParsing = NonNullable<Steps['preParsing']>
type OnSend = NonNullable<Steps['onSend']>
type Close = NonNullable<Steps['close']>

/** Everything that acts on one route's requests, phase by phase, in the order of the table. Frozen at `ready`. */
export interface Chain {
  /** Concerns in force, in the order in which they first act. */
  readonly concerns: readonly string[]
  /** What holds, by concern; rooms without steps included. */
  readonly links: ReadonlyMap<string, Link>
  readonly onRequest: readonly Step[]
  /** How many of the first onRequest steps only decorate or record. */
  readonly decorating: number
  readonly preParsing: readonly PreParsing[] | null
  readonly preValidation: readonly Step[] | null
  readonly preHandler: readonly Step[] | null
  readonly onSend: readonly OnSend[] | null
  readonly close: readonly Close[] | null
  /** What looks after requests that stay; whoever only reports ends nothing. */
  readonly watch: readonly Watch[]
  /** This chain with the CORS steps of other routes: what preflights for them run. Filled when first asked. */
  readonly preflights: Map<Chain, Chain>
}

/** One concern's part of a chain. */
export interface Link {
  /** Numbers the links of one app. */
  readonly id: number
  readonly registration: Registration
  readonly policy: Readonly<Record<string, unknown>>
  readonly steps: Steps
}

/** Sorts the links of one route into its chain. */
export function buildChain(state: State, links: ReadonlyMap<string, Link>): Chain {
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
    links,
    onRequest,
    decorating: decorators.length,
    preParsing: phase('preParsing'),
    preValidation: phase('preValidation'),
    preHandler: phase('preHandler'),
    onSend: phase('onSend'),
    close: phase('close'),
    watch: [...links.values()].flatMap(({ steps, policy }) =>
      steps.watch === undefined || policy['reportOnly'] === true ? [] : [steps.watch.bind(steps)],
    ),
    preflights: new Map(),
  })
}

/**
 * The chain of a preflight: that of whatever answers OPTIONS here, with the CORS policy of the route that it asks for.
 * Only CORS follows: the asked route's other policies must not open the way to a handler that has its own.
 */
export function preflightChain(state: State, own: Chain, target: Chain): Chain {
  const cors = target.links.get('cors')
  if (cors === own.links.get('cors')) return own
  const known = own.preflights.get(target)
  if (known !== undefined) return known
  const links = new Map(own.links)
  if (cors === undefined) links.delete('cors')
  else links.set('cors', cors)
  const chain = buildChain(state, links)
  own.preflights.set(target, chain)
  return chain
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
    return isThenable(verdict) ? verdict.then((settled) => tell(settled, request)) : tell(verdict, request)
  }
}

/** Raises the event of a refusal. */
export function emitRefusal(request: Parameters<Step>[0], refusal: Refusal, outcome: 'denied' | 'observed'): void {
  if (stateOf(request.server)?.listeners.size === 0) return
  const { detail } = refusal.details
  emit(request, refusal.event, { outcome, code: refusal.code, ...(detail === undefined ? {} : { detail }) })
}
