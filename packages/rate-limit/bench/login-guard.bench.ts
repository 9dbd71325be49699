import { measure } from '../../../bench/measure.ts'
import { Backoff } from '../src/algorithms/backoff.ts'
import { Bans } from '../src/penalties/ban.ts'
import { counted } from '../src/decision.ts'
import { accountKey } from '../src/login/login-account.ts'
import { compileLoginGuard } from '../src/login/login-guard.ts'
import { completeLoginGuard } from '../src/login/login-options.ts'
import { Offenders } from '../src/penalties/offenders.ts'
import { Penalties } from '../src/penalties/penalties.ts'
import { blankStanding } from '../src/algorithms/standing.ts'

const clock = (): number => Math.floor(performance.now())
const guard = compileLoginGuard(
  completeLoginGuard({ account: { body: 'email' }, perPair: 1000, perAddress: 100_000 }),
  {
    counted: (quota) => counted(quota, 100_000),
    shared: undefined,
    penalties: new Penalties(),
    onStoreError: 'local',
    clock,
    onThrow: () => undefined,
    onSuspicion: () => undefined,
  },
)

let turn = 0
const attempt = (statusCode: number): void => {
  turn = (turn + 1) % 10_000
  const request = { ip: '192.0.2.1', body: { email: `user-${turn}@example.com` }, security: { identity: null } }
  const reply = { raw: { destroyed: false }, statusCode }
  void guard.preHandler(request as never, reply as never)
  void guard.onSend(request as never, reply as never)
}

await measure('one attempt, reserved and settled, 10,000 accounts', {
  'it succeeds': () => attempt(200),
  'it fails': () => attempt(401),
  'its account alone, folded and hashed': () => accountKey(`user-${turn}@example.com`),
})

const state = new Float64Array(3)
const standing = blankStanding()
const backoff = new Backoff({ limit: 5, window: 900, first: 1, longest: 900 })
const bans = new Bans({ after: 100, within: 60, for: 600 }, 100_000)
const offenders = new Offenders(128)

await measure('the parts', {
  'a delay is judged': () => backoff.judge(state, 0, clock(), 1, standing),
  'nobody is banned': () => bans.remaining('a192.0.2.1', 1000),
  'a refusal is counted among 10,000 callers': () => offenders.add(`a${(turn = (turn + 1) % 10_000)}`),
})
