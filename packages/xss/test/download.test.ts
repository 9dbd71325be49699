import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentDisposition, downloadFields, harmlessName } from '../src/download.ts'

describe('a file name', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', '_.._etc_passwd'],
    ['C:\\boot.ini', 'C__boot.ini'],
    ['a\r\nSet-Cookie: x', 'aSet-Cookie_ x'],
    ['gpj.\u202eexe', 'gpj.exe'],
    ['.htaccess', 'htaccess'],
    ['-rf', 'rf'],
    ['name. . ', 'name'],
    ['"quoted"', '_quoted_'],
    ['', 'download'],
    ['...', 'download'],
    ['\ud800', '\ufffd'],
    [`${'x'.repeat(300)}.pdf`, `${'x'.repeat(116)}.pdf`],
    [`x${'.'.repeat(1_000_000)}x.pdf`, `x${'.'.repeat(115)}.pdf`],
  ])('%j is saved as %j', (name, saved) => {
    expect(harmlessName(name)).toBe(saved)
  })

  it.each([
    ['a.txt', 'attachment; filename="a.txt"'],
    ['Ünïté €.txt', `attachment; filename="_n_t_ _.txt"; filename*=UTF-8''%C3%9Cn%C3%AFt%C3%A9%20%E2%82%AC.txt`],
    ['100%.txt', `attachment; filename="100_.txt"; filename*=UTF-8''100%25.txt`],
    ["it's (é).txt", `attachment; filename="it's (_).txt"; filename*=UTF-8''it%27s%20%28%C3%A9%29.txt`],
  ])('%j leaves as %s', (name, field) => {
    expect(contentDisposition(name)).toBe(field)
  })

  it('is one well-formed field, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(contentDisposition(name)).toMatch(
          /^attachment; filename="[\x20-\x21\x23-\x5b\x5d-\x7e]+"(?:; filename\*=UTF-8''(?:[\w!#$&+.^`|~-]|%[\dA-F]{2})+)?$/,
        )
      }),
      { numRuns: 600 },
    )
  })
})

describe('the type of a download', () => {
  it.each([
    ['image/png', 'image/png'],
    ['text/csv', 'text/csv; charset=utf-8'],
    ['text/html', 'application/octet-stream'],
    ['text/javascript', 'application/octet-stream'],
    ['image/svg+xml', 'application/octet-stream'],
    ['application/pdf', 'application/octet-stream'],
    ['image/png, text/html', 'application/octet-stream'],
    ['image/png\r\nx: y', 'application/octet-stream'],
  ])('%s leaves as %s', (type, expected) => {
    expect(downloadFields({ type })['content-type']).toBe(expected)
  })
})
