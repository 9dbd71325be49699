import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { admit, faultOfTemplate, isTemplate } from '../src/template.ts'

const strings = (template: TemplateStringsArray, ..._values: unknown[]): TemplateStringsArray => template

describe('a template', () => {
  it.each([
    ['one statement', strings`select 1`, null],
    ['a semicolon at the end', strings`select 1; `, null],
    ['a semicolon and a comment', strings`select 1; -- done\n`, null],
    ['a semicolon in a text', strings`select ';' || ${1}`, null],
    ['doubled quotes', strings`select 'it''s; fine', "a"";" from t where a = ${1}`, null],
    ['an escape', strings`select E'a\\'; b' || ${1}`, null],
    ['a backslash in a standard text', strings`select 'a\\' || ${1}`, null],
    ['a dollar-quoted text', strings`select $tag$ ; ' $other$ $tag$ || ${1}`, null],
    ['a nested comment', strings`select /* a /* ; */ ' */ ${1}`, null],
    ['a number before a dollar', strings`select a$1$b from t where c = ${1}`, null],
    ['two statements', strings`select 1; select 2`, 'stacked-statements'],
    ['a text after the end', strings`select 1; 'x'`, 'stacked-statements'],
    ['a value after the end', strings`select 1; ${2}`, 'stacked-statements'],
    ['a statement behind a standard backslash', strings`select 'a\\'; delete from t`, 'stacked-statements'],
    ['a value in quotes', strings`select '${1}'`, 'value-in-quotes'],
    ['a value in a name', strings`select "${1}"`, 'value-in-quotes'],
    ['a value in a comment', strings`select 1 -- ${1}`, 'value-in-quotes'],
    ['a value in a block comment', strings`select /* ${1} */ 1`, 'value-in-quotes'],
    ['a value in dollars', strings`select $$${1}$$`, 'value-in-quotes'],
    ['an open text', strings`select 'a`, 'unclosed'],
    ['an open comment', strings`select 1 --`, 'unclosed'],
  ])('with %s', (_what, template, fault) => {
    expect(faultOfTemplate(template)).toBe(fault)
    expect(admit(template)).toBe(fault)
  })

  it('is known by its identity and by its text, and by nothing else', () => {
    const template = strings`select ${1} as known`
    expect(admit([...template])).toBe('raw-text')
    expect(admit(template)).toBeNull()
    expect(admit([...template])).toBeNull()
    expect(admit(['select ', ' as other'])).toBe('raw-text')
  })

  it('is nothing that data can be parsed to', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (value, frozen) => {
        expect(isTemplate(frozen && typeof value === 'object' && value !== null ? Object.freeze(value) : value)).toBe(
          false,
        )
      }),
    )
  })

  it('is examined to its end, whatever it holds', () => {
    const piece = fc.constantFrom("'", '"', '$', '$a$', '--', '\n', '/*', '*/', ';', '\\', 'E', 'x', ' ')
    fc.assert(
      fc.property(
        fc.array(
          fc.array(piece).map((parts) => parts.join('')),
          { minLength: 1 },
        ),
        (parts) => {
          expect([null, 'stacked-statements', 'value-in-quotes', 'unclosed']).toContain(faultOfTemplate(parts))
        },
      ),
    )
  })
})
