import { expect, it } from 'vitest'
import { mediaTypeRule } from '../src/media-type.ts'

const rule = mediaTypeRule(['application/json', 'application/merge-patch+json', 'multipart/form-data'])

it.each([
  ['application/json', 'json'],
  ['Application/JSON', 'json'],
  ['application/json; charset=utf-8', 'json'],
  ['application/json;charset="UTF-8"', 'json'],
  ['application/merge-patch+json', 'json'],
  ['multipart/form-data; boundary=----x', 'other'],
])('takes %s', (field, reception) => {
  expect(rule(field)).toBe(reception)
})

it.each([
  undefined,
  '',
  'application/jsonx',
  'application/json, text/plain',
  'application/json;',
  'application/json; charset=utf-16',
  'application/json; charset=utf-8; charset=utf-7',
  'application/json; q=1',
  'application/json; boundary=x',
  'text/plain; a=application/json',
  'text/plain',
  ' application/json',
  'application/json x',
  'application/json\u00a0; charset=utf-8',
  'application/x-www-form-urlencoded',
])('refuses %j', (field) => {
  expect(rule(field)).toBeNull()
})
