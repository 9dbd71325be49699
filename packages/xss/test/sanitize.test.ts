import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Profile, sanitizeHtml } from '../src/index.ts'

describe('sanitizeHtml', () => {
  it.each<[Profile, string, string]>([
    ['text', '<b>bold</b> & <i>thin</i>', 'bold &amp; thin'],
    ['basic', '<b onclick=x class=y id=z style=s>bold</b>', '<b>bold</b>'],
    ['basic', '<h1>Head</h1><img src=https://a.example/x.png>', 'Head'],
    ['basic', '<a href=//evil.example>x</a>', '<a rel="nofollow ugc noopener noreferrer">x</a>'],
    ['basic', '<a href="/x" target=_top>x</a>', '<a href="/x" rel="nofollow ugc noopener noreferrer">x</a>'],
    ['basic', 'a<script>b</script><style>c</style><noscript>d</noscript>e', 'ae'],
    ['basic', '<svg><a href=x>y</a></svg>', '<a href="x" rel="nofollow ugc noopener noreferrer">y</a>'],
    ['basic', `<a href="/${'x'.repeat(2048)}">x</a>`, '<a rel="nofollow ugc noopener noreferrer">x</a>'],
    ['article', `<img src="https://a.example/${'x'.repeat(2048)}" alt=x>`, '<img alt="x" loading="lazy" />'],
    ['article', '<img alt=x>', '<img alt="x" loading="lazy" />'],
    ['article', '<h2>Head</h2>', '<h2>Head</h2>'],
    ['article', '<img src=http://a.example/x.png alt=x>', '<img alt="x" loading="lazy" />'],
    ['article', '<img src=https://a.example/x.png onerror=x>', '<img src="https://a.example/x.png" loading="lazy" />'],
    ['basic', 'no markup "at all"', 'no markup "at all"'],
  ])('with profile %s makes of %s %s', (profile, given, expected) => {
    expect(sanitizeHtml(given, { profile })).toBe(expected)
  })

  it('shows as text what is longer or deeper than its caps', () => {
    expect(sanitizeHtml('<b>long</b>', { maxBytes: 10 })).toBe('&lt;b&gt;long&lt;/b&gt;')
    expect(sanitizeHtml('<b>éé</b>', { maxBytes: 10 })).toBe('&lt;b&gt;éé&lt;/b&gt;')
    expect(sanitizeHtml('<b><i>x</i></b>', { maxDepth: 1 })).toBe('&lt;b&gt;&lt;i&gt;x&lt;/i&gt;&lt;/b&gt;')
    expect(sanitizeHtml('<b>x</b><i>y</i>', { maxDepth: 1 })).toBe('<b>x</b><i>y</i>')
    expect(sanitizeHtml('<b>'.repeat(33_000))).toMatch(/^(?:&lt;b&gt;)+$/)
  })

  it('takes only strings and profiles that there are', () => {
    expect(() => sanitizeHtml(7 as unknown as string)).toThrow(TypeError)
    expect(() => sanitizeHtml('<b>', { profile: 'constructor' as Profile })).toThrow(TypeError)
  })

  it('leaves only its own elements and attributes, and the same again, whatever it is given', () => {
    const words =
      '< > </ /> " \' = & &lt; &#x3c; <!-- --> --!> <![CDATA[ ]]> \0 b a script style svg math title textarea noscript ' +
      'template img iframe p href src onerror onload javascript: alert(1) xlink:href formaction x <b> mtext mglyph ' +
      'annotation-xml foreignObject xmp plaintext select table form <?'
    const piece = fc.constantFrom(' ', '<a ', '<a href', '<a href=', '">', ...words.split(' '))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const clean = sanitizeHtml(pieces.join(''))
        expect(clean.replaceAll(TAGS, '')).not.toMatch(/[<>]/)
        expect(clean).not.toMatch(/href="\s*javascript:/i)
        expect(sanitizeHtml(clean)).toBe(clean)
      }),
      { numRuns: 10_000 },
    )
  })
})

/** Every tag that `basic` may leave. */
const TAGS =
  /<\/?(?:b|blockquote|br|code|em|i|li|ol|p|pre|s|strong|u|ul)(?: \/)?>|<\/a>|<a(?: href="[^"<>]*")? rel="nofollow ugc noopener noreferrer">/g
