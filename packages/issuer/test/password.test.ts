import { hash as argon2, parseOptions } from '@node-rs/argon2'
import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { brotliDecompressSync } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { COMMON_PASSWORDS } from '../src/passwords/common-passwords-list.ts'
import { BoundedQueue } from '../src/passwords/bounded-queue.ts'
import { hashPassword, stepUp, signIn, refresh, verifyPassword } from '../src/index.ts'
import { PasswordHasher } from '../src/passwords/hash.ts'
import { canonicalPassword, faultOf } from '../src/passwords/rules.ts'
import { sourceList } from './common-list.ts'
import { claimsOf, codeOf, given, reasonOf, stage } from './stage.ts'

const rules = { minLength: 8, maxLength: 128, words: ['portcullis'] }

describe('a new password', () => {
  it.each([
    ['short', 'seven77'],
    ['short', '\u{1F600}'.repeat(7)],
    ['long', 'x1'.repeat(65)],
    ['long', 'a'.repeat(1_000_000)],
    ['common', 'password'],
    ['common', 'PassWord'],
    ['common', 'iloveyou'],
    ['common', 'Password1!'],
    ['common', 'baseball2026!!'],
    ['common', 'passwordpassword'],
    ['common', 'passwordpasswordpass'],
    ['repetitive', 'aaaaaaaaaaaaaaaaaaaa'],
    ['repetitive', 'abcabcabcabcab'],
    ['repetitive', 'abc123abc123abc123'],
    ['repetitive', '1111111111111112'],
    ['repetitive', '\u200B'.repeat(20)],
    ['repetitive', 'monkeymonkeymonkey7'],
    ['common', 'password password'],
    ['common', 'qwertyuiopasdfg'],
    ['common', '1Qaz2Wsx3Edc4Rfv'],
    ['common', 'ILoveYouILoveYou'],
    ['common', 'mypassworddoesntmatter!'],
    ['common', '1234567password'],
    ['common', '\uFF50\uFF41\uFF53\uFF53\uFF57\uFF4F\uFF52\uFF44 1'],
    ['common', 'pass\u200Bword\u200D'],
    ['common', '123456789012345'],
    ['common', '9876543210987654'],
    ['common', 'abcdefghijklmnop'],
    ['personal', 'Portcullis2026'],
    ['personal', 'alice.smith@example.com'],
    ['personal', 'alicesmith84'],
    ['personal', 'Alice.Smith1984'],
    ['personal', 'alice.smith-1'],
    ['malformed', 'unpaired \uD800 surrogate'],
  ])('is refused as %s: %s', (fault, password) => {
    expect(faultOf(password, rules, ['alice.smith@example.com'])).toBe(fault)
  })

  it.each([
    'correct horse battery staple',
    'только кириллица и пробелы',
    '\u{1F600}\u{1F601}\u{1F602}\u{1F603}\u{1F604}\u{1F605}\u{1F606}\u{1F607}',
    '  spaces at both ends  ',
    'no digit no capital',
    'tea twist',
    // Little of it is left beside its digits: that is no repetition.
    'abc8472629182734',
    '918273645546372',
    `nul ${'\0'} inside it`,
  ])('is taken as it is: %s', (password) => {
    expect(faultOf(password, rules, ['alice'])).toBeNull()
  })

  it('is compared with what is known of the user, whatever is missing there', () => {
    const personal = [undefined, null, 7, 'alice.smith@example.com'] as string[]
    expect(faultOf('alice.smith-1', rules, personal)).toBe('personal')
  })

  it('is told what is wrong with it, without being repeated', async () => {
    const { app } = await stage()
    const answer = await hashPassword(app, 'fourteen chars')
    expect(codeOf(answer)).toBe('PTC_ISSUER_PASSWORD_REFUSED')
    expect((answer as { refusal: { problem: object } }).refusal.problem).toMatchObject({
      status: 422,
      error: 'The password needs at least 15 characters.',
    })
  })

  it('is the same password in every Unicode form of the same characters', async () => {
    const { app } = await stage()
    const { passwordHash } = given(await hashPassword(app, 'caf\u00E9 cr\u00E8me br\u00FBl\u00E9e'))
    given(await verifyPassword(app, 'cafe\u0301 cre\u0300me bru\u0302le\u0301e', { passwordHash }))
  })

  it('is composed before it is hashed (RFC 8265 §4.2.2), as other systems do', () => {
    expect(canonicalPassword('cafe\u0301')).toBe('caf\u00E9')
    // Compatibility characters are not folded: that would make passwords weaker than they look.
    expect(canonicalPassword('\uFB01')).toBe('\uFB01')
  })

  it('is never cut off, and no two are one', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.string({ unit: 'binary', maxLength: 300 }),
        (one, other) => {
          const [left, right] = [canonicalPassword(one), canonicalPassword(other)]
          const bytes = (text: string): string => Buffer.from(text).toString('hex')
          if (left !== null && right !== null)
            expect(bytes(left) === bytes(right)).toBe(one.normalize() === other.normalize())
        },
      ),
    )
  })
})

it('the list of common passwords is the one of its source', () => {
  const list = brotliDecompressSync(Buffer.from(COMMON_PASSWORDS, 'base64')).toString().split('\n')
  expect(list).toEqual(sourceList())
  expect(list).toHaveLength(25_865)
})

it.each([8, 9, 10, 11, 12, 13, 14, 15])(
  'of the most common passwords at least 3,000 have %i characters or more, and are refused (ASVS 5.0 V6.2.4)',
  (minLength) => {
    const admitted = sourceList().filter((password) => Array.from(password).length >= minLength)
    expect(admitted.length).toBeGreaterThanOrEqual(3_000)
    const refused = new Set(admitted.map((password) => faultOf(password, { ...rules, minLength }, [])))
    // Some of them are refused for what else they are.
    expect([...refused].toSorted()).toEqual(['common', 'repetitive'])
  },
)

describe('a stored password', () => {
  it('is Argon2id with the parameters of the options', async () => {
    const { app } = await stage({ password: { memoryKiB: 64, passes: 3, lanes: 2 } })
    const { passwordHash } = given(await hashPassword(app, 'correct horse battery'))
    expect(passwordHash).toMatch(/^\$argon2id\$v=19\$/)
    expect(parseOptions(passwordHash)).toMatchObject({
      memoryCost: 64,
      timeCost: 3,
      parallelism: 2,
      outputLen: 32,
      saltLen: 16,
    })
  })

  it('is hashed anew at the next sign-in once parameters have grown', async () => {
    const weak = await stage()
    const strong = await stage({ password: { memoryKiB: 16 } })
    const password = 'correct horse battery'
    const { passwordHash } = given(await hashPassword(weak.app, password))
    expect(given(await verifyPassword(weak.app, password, { passwordHash })).rehashed).toBeNull()
    const { rehashed } = given(await verifyPassword(strong.app, password, { passwordHash }))
    expect(parseOptions(rehashed ?? '').memoryCost).toBe(16)
    expect(given(await verifyPassword(strong.app, password, { passwordHash: rehashed ?? '' })).rehashed).toBeNull()
    // Parameters that have shrunk weaken nobody.
    expect(given(await verifyPassword(weak.app, password, { passwordHash: rehashed ?? '' })).rehashed).toBeNull()
  })

  it('verifies without the rules of new ones', async () => {
    const { app } = await stage()
    const passwordHash = await argon2('old', { memoryCost: 8, timeCost: 1, parallelism: 1 })
    given(await verifyPassword(app, 'old', { passwordHash }))
  })

  it.each([
    '',
    'plain',
    '$2b$10$abcdefghijklmnopqrstuv',
    '$argon2id$v=19$m=8,t=1,p=1$x',
    '$argon2i$v=19$m=8,t=1,p=1$YWJjZGVmZ2g$AAAA',
  ])('that is no hash of ours admits nobody: %s', async (passwordHash) => {
    const { app } = await stage()
    expect(codeOf(await verifyPassword(app, passwordHash, { passwordHash }))).toBe('PTC_ISSUER_SIGN_IN_REFUSED')
  })

  it('is answered alike for nobody, a wrong password and a locked account', async () => {
    const { app } = await stage()
    const password = 'correct horse battery'
    const { passwordHash } = given(await hashPassword(app, password))
    const answers = [
      await verifyPassword(app, password, null),
      await verifyPassword(app, 'wrong', { passwordHash }),
      await verifyPassword(app, password, { passwordHash, locked: true }),
    ]
    expect(answers.map(reasonOf)).toEqual(['unknown', 'password', 'locked'])
    const problems = answers.map((answer) =>
      JSON.stringify((answer as { refusal: { problem: object } }).refusal.problem),
    )
    expect(new Set(problems).size).toBe(1)
  })
})

describe('a step-up', () => {
  it('gives a token with a fresh auth_time, which the next refresh does not prolong', async () => {
    const { app, clock, types } = await stage()
    const password = 'correct horse battery'
    const { passwordHash } = given(await hashPassword(app, password))
    const grant = given(await signIn(app, { subject: 'u', scopes: ['pay'] }))
    const began = clock.seconds()
    clock.pass(200)
    const who = { subject: 'u', sessionId: grant.sessionId, account: { passwordHash } }
    expect(reasonOf(await stepUp(app, { ...who, password: 'wrong' }))).toBe('password')
    expect(reasonOf(await stepUp(app, { ...who, subject: 'other', password }))).toBe('ended')
    const up = given(await stepUp(app, { ...who, password }))
    expect(claimsOf(up)).toMatchObject({ auth_time: began + 200, sid: grant.sessionId, scope: 'pay', exp: began + 500 })
    expect(up).not.toHaveProperty('refreshToken')
    expect(claimsOf(given(await refresh(app, grant.refreshToken)))['auth_time']).toBe(began)
    expect(types()).toContain('issuer.stepped-up')
  })
})

describe('the queue', () => {
  it('runs a few, keeps a few, turns away the rest, and forgets nobody', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 0, max: 30 }),
        async (places, length, count) => {
          const queue = new BoundedQueue(places, length, () => 0)
          let [running, most] = [0, 0]
          const runs = Array.from({ length: count }, (_, i) =>
            queue.run(async () => {
              most = Math.max(most, ++running)
              await Promise.resolve()
              running--
              if (i % 3 === 0) throw new Error('a task may fail')
              return i
            }),
          )
          expect(runs.filter((run) => run !== null)).toHaveLength(Math.min(count, places + length))
          await Promise.allSettled(runs.filter((run) => run !== null))
          expect([running, most <= places]).toEqual([0, true])
          // All places are free again.
          expect(await queue.run(async () => 'again')).toBe('again')
        },
      ),
    )
  })

  it('is not asked at boot: nobody’s hash is made up, with the parameters of the others', async () => {
    // Two gigabytes and a hundred passes would take minutes.
    await stage({ password: { memoryKiB: 2_097_152, passes: 100 } })
    const verified = vi.spyOn(BoundedQueue.prototype, 'run').mockResolvedValue(false)
    const { app } = await stage()
    expect(reasonOf(await verifyPassword(app, 'guess', null))).toBe('unknown')
    expect(verified).toHaveBeenCalledTimes(1)
    verified.mockRestore()
  })

  it('turns away what there is no memory for', async () => {
    const queue = new BoundedQueue(1, 0, () => 0)
    const hasher = new PasswordHasher({ memoryKiB: 8, passes: 1, lanes: 1 }, queue, randomBytes)
    vi.spyOn(queue, 'run').mockRejectedValue(new Error('Memory allocation error'))
    expect(await hasher.verify('guess', null)).toBe('busy')
    expect(await hasher.hash('correct horse battery')).toBeNull()
  })

  it('says when a place is likely to be free', async () => {
    let at = 0
    const queue = new BoundedQueue(1, 100, () => at)
    let finish = (): void => {}
    const first = queue.run(() => new Promise<void>((resolve) => (finish = resolve)))
    expect(queue.retryAfter).toBe(1)
    at = 8000
    finish()
    await first
    const held = queue.run(() => new Promise<void>((resolve) => (finish = resolve)))
    const waiting = Array.from({ length: 20 }, () => queue.run(async () => {}))
    expect(queue.retryAfter).toBe(20)
    finish()
    await Promise.all([held, ...waiting])
  })
})
