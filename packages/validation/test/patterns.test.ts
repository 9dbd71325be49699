import { describe, expect, it } from 'vitest'
import { openJudge, widen } from '../src/patterns.ts'

describe('a pattern', () => {
  it.each([
    ['^[a-z]{1,64}$', '^[a-z]+$'],
    ['^.{0,1000}$', '^.*$'],
    ['^[0-9]{64}$', '^[0-9]+$'],
    ['^[0-9]{8}$', '^[0-9]{8}$'],
    ['^(?:ab){0,1}$', '^(?:ab){0,1}$'],
    ['^a{3,}$', '^a{3,}$'],
    ['^a{2,9}?b$', '^a+?b$'],
    ['^[{1,64}]$', '^[{1,64}]$'],
    [String.raw`^\{1,64\}$`, String.raw`^\{1,64\}$`],
    [String.raw`^[\]{1,9}]{1,9}$`, String.raw`^[\]{1,9}]+$`],
  ])('%s is looked at as %s', (given, expected) => expect(widen(given)).toBe(expected))

  it.each([
    ['^[a-z]{1,64}$', 'safe'],
    ['^.{1,10000}$', 'safe'],
    [String.raw`^\p{L}{1,100}$`, 'safe'],
    ['^[0-9a-f]{64}$', 'safe'],
    ['^(a+)+$', 'exponential'],
    ['^(a{1,50}){1,50}$', 'exponential'],
    ['^(?:a|a){1,30}$', 'exponential'],
    ['^(?:[0-9]{1,3}){1,4}$', 'safe'],
    [String.raw`^(?:[a-z0-9]{1,63}\.){1,8}[a-z]{2,63}$`, 'safe'],
  ])('%s is %s', async (pattern, expected) => expect((await openJudge())(pattern)).toBe(expected))

  it('of bounded repetitions is told safe without being tried', async () => {
    const judge = await openJudge()
    judge('^a$')
    for (let i = 1; i <= 200; i++) expect(judge(`^[a-z]{1,${i * 100}}$`)).toBe('safe')
  })
})
