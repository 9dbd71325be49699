import { compileOptions } from '@portcullis/kernel'
import { patched } from '@portcullis/testing/patch'
import { describe, expect, it } from 'vitest'
import { findings } from '../src/checks.ts'
import { routeSchema } from '../src/index.ts'
import { completeLoginGuard } from '../src/login/login-options.ts'

const inspect = compileOptions<object>(routeSchema, findings as never, { defaults: false })

const account = { body: 'email' }

describe('the options of a login guard', () => {
  it.each<[string, object, string]>([
    ['no account', {}, 'loginGuard.account'],
    ['an account that is a string', { account: 'email' }, 'loginGuard.account'],
    ['a misspelt field', { account: { bdy: 'email' } }, 'loginGuard.account'],
    ['an empty field', { account: { body: '' } }, 'loginGuard.account.body'],
    ['an asynchronous function', { account: async () => 'alice' }, 'loginGuard.account'],
    ['no free attempt', { account, perPair: 0 }, 'loginGuard.perPair'],
    ['a quoted number', { account, perAccount: '20' }, 'loginGuard.perAccount'],
    ['a misspelt option', { account, perAdress: 9 }, 'loginGuard.perAdress'],
    ['a window of minutes in words', { account, window: '15 minutes' }, 'loginGuard.window'],
    ['a first delay of nothing', { account, delay: { first: 0 } }, 'loginGuard.delay.first'],
    ['a first delay longer than the longest', { account, delay: { first: 901 } }, 'loginGuard.delay.first'],
    [
      'a longest delay shorter than the first',
      { account, delay: { first: 9, longest: 3 } },
      'loginGuard.delay.longest',
    ],
    ['a name with a space', { account, name: 'my login' }, 'loginGuard.name'],
    ['trust for ever', { account, trust: 1e9 }, 'loginGuard.trust'],
  ])('refuse %s, with a fix that mends it', (_, guard, path) => {
    const { mistakes } = inspect({ loginGuard: guard })
    expect(mistakes.map((one) => one.path)).toContainEqual(expect.stringContaining(path))
    let mended: object = { loginGuard: guard }
    for (let round = 0; round < 3; round++) {
      for (const { fix } of inspect(mended).mistakes) mended = patched(mended, fix)
    }
    expect(inspect(mended).mistakes).toEqual([])
  })

  it('need nothing but the account', () => {
    expect(inspect({ loginGuard: { account } }).mistakes).toEqual([])
    expect(completeLoginGuard({ account })).toEqual({
      account,
      name: 'login',
      perPair: 5,
      perAccount: 20,
      perAddress: 50,
      window: 900,
      delay: { first: 1, longest: 900 },
      trust: 2_592_000,
    })
  })
})
