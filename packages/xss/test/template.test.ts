import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
// Under its own name, formatters would take liberties with the templates.
import { dangerouslyTrustHtml, html as page, type SafeHtml } from '../src/index.ts'

const x = 'a b'
const nasty = `"'><&\``

describe('a template', () => {
  it.each<[SafeHtml, string]>([
    [page`<p>${nasty}</p>`, '<p>&quot;&#39;&gt;&lt;&amp;`</p>'],
    [page`<p title='${nasty}'>x</p>`, "<p title='&quot;&#39;&gt;&lt;&amp;`'>x</p>"],
    [page`<title>${'</title><script>'}</title>`, '<title>&lt;/title&gt;&lt;script&gt;</title>'],
    [page`<textarea name="a">${page`<b>`}</textarea>`, '<textarea name="a">&lt;b&gt;</textarea>'],
    [page`<ul>${[1, 2n].map((n) => page`<li>${n}</li>`)}</ul>`, '<ul><li>1</li><li>2</li></ul>'],
    [page`<p>${null}${undefined}${false}${true}</p>`, '<p></p>'],
    [page`<p>${dangerouslyTrustHtml('<hr>')}</p>`, '<p><hr></p>'],
    [page`<a href="${'https://a.example/?q=1&b=2'}">x</a>`, '<a href="https://a.example/?q=1&amp;b=2">x</a>'],
    [page`<a href="${'/users/1'}">x</a>`, '<a href="/users/1">x</a>'],
    [page`<a href="/users/${'../admin?a#b'}">x</a>`, '<a href="/users/..%2Fadmin%3Fa%23b">x</a>'],
    [page`<a href="/users/${'..'}/x">x</a>`, '<a href="/users//x">x</a>'],
    [
      page`<a href="https://a.example/?q=${'a&b=c\ud800'}">x</a>`,
      '<a href="https://a.example/?q=a%26b%3Dc%EF%BF%BD">x</a>',
    ],
    [page`<a href="${'/base'}/${"it's"}">x</a>`, '<a href="/base/it%27s">x</a>'],
    [page`<a href="/${'..'}/${'evil.example'}">x</a>`, '<a href="/./evil.example">x</a>'],
    [page`<a href="${''}/${''}/x">x</a>`, '<a href="/./x">x</a>'],
    [page`<a href="${'/a'}?b=c:${'d'}">x</a>`, '<a href="/a?b=c:d">x</a>'],
    [page`<svg><use href="/icons.svg#${'home'}"></use></svg>`, '<svg><use href="/icons.svg#home"></use></svg>'],
    [page`<script src="/js/${'app"'}.js"></script>`, '<script src="/js/app%22.js"></script>'],
    [
      page`<script type="application/ld+json">
        ${{ a: '</script>' }}
      </script>`,
      `<script type="application/ld+json">
        {"a":"\\u003c/script\\u003e"}
      </script>`,
    ],
    [page`<!-- fixed --><br/><input disabled value="${1}">`, '<!-- fixed --><br/><input disabled value="1">'],
    [page`<script nonce="${'abc'}">let a = 1 < 2</script>`, '<script nonce="abc">let a = 1 < 2</script>'],
    [page`<div data-id="${7}" aria-label="${x}"></div>`, '<div data-id="7" aria-label="a b"></div>'],
    [
      page`<meta name="description" content="${nasty}">`,
      '<meta name="description" content="&quot;&#39;&gt;&lt;&amp;`">',
    ],
  ])('%# writes each value for its place', (made, expected) => {
    expect(String(made)).toBe(expected)
  })

  it.each<[string, () => unknown]>([
    [
      'a script',
      () =>
        page`<script>
          let a = '${x}'
        </script>`,
    ],
    [
      'a script that is no data',
      () =>
        page`<script type="module">
          ${x}
        </script>`,
    ],
    [
      'an import map',
      () =>
        page`<script type="importmap">
          ${x}
        </script>`,
    ],
    [
      'a style',
      () =>
        page`<style>
          a {
            color: ${x};
          }
        </style>`,
    ],
    ['an event handler', () => page`<p onclick="${x}">x</p>`],
    ['an event handler, part of it', () => page`<p onclick="go('${x}')">x</p>`],
    ['a style attribute', () => page`<p style="color: ${x}">x</p>`],
    ['srcdoc', () => page`<iframe srcdoc="${x}"></iframe>`],
    ['srcset', () => page`<img srcset="${x}" />`],
    ['an attribute without quotes', () => page`<p title=${x}>x</p>`],
    ['an attribute without quotes, part of it', () => page`<p title=a${x}>x</p>`],
    ['the name of an attribute', () => page`<p ${x}="a">x</p>`],
    ['the end of a name', () => page`<p data-${x}="a">x</p>`],
    ['the name of an element', () => page`<${x}>x</p>`],
    ['the end of an element', () => page`<h${x}>x</h1>`],
    ['a comment', () => page`<!-- ${x} -->`],
    [
      'behind a comment that ends early',
      () =>
        page`<!-->
          <p title="-->${x}"></p>`,
    ],
    [
      'behind a comment that ends otherwise',
      () =>
        page`<!-- --!>
          <p title="-->${x}"></p>`,
    ],
    ['the source of a script', () => page`<script src="${x}"></script>`],
    ['the host of a script', () => page`<script src="https://${x}/a.js"></script>`],
    ['the host of a link', () => page`<a href="https://${x}/">x</a>`],
    ['the scheme of a link', () => page`<a href="${x}:alert(1)${x}">x</a>`],
    ['the scheme of a link, alone', () => page`<a href="${x}:alert(1)">x</a>`],
    ['the scheme of a link, in a character reference', () => page`<a href="${x}&colon;//a.example/">x</a>`],
    ['the scheme of a link, in another', () => page`<a href='${x}&#x3A;//a.example/${x}'>x</a>`],
    ['a part of an SVG', () => page`<svg><use href="${x}"></use></svg>`],
    ['an element whose name a space is part of', () => page`<a\u00a0href="${x}">x</a>`],
    ['behind a value that a space is part of', () => page`<p class=a\u00a0title="${x}">x</p>`],
    ['an attribute whose name a space is part of', () => page`<p \u00a0title="${x}">x</p>`],
    ['a title that does not end', () => page`<title>x</title\u00a0><p title="${x}"></p>`],
    ['the end of a scheme', () => page`<a href="java${x}">x</a>`],
    ['a link behind javascript:', () => page`<a href="javascript:go(${x})">x</a>`],
    ['the base', () => page`<base href="${x}" />`],
    ['an object', () => page`<object data="${x}"></object>`],
    ['a stylesheet', () => page`<link rel="stylesheet" href="${x}" />`],
    ['a refresh', () => page`<meta http-equiv="refresh" content="0; url=${x}" />`],
    ['a refresh, the other way round', () => page`<meta content="${x}" http-equiv="refresh" />`],
    ['an animation', () => page`<svg><animate attributeName="href" to="${x}" /></svg>`],
    ['code of a framework', () => page`<p x-on:click="${x}">x</p>`],
    ['code of another framework', () => page`<p data-hx-on="${x}">x</p>`],
    ['a template', () => page`<template>${x}</template>`],
    ['noscript', () => page`<noscript>${x}</noscript>`],
    [
      'a title within SVG',
      () =>
        page`<svg>
          <title><a title=${x}></a></title>
        </svg>`,
    ],
    ['the end of the template', () => page`<p title="${x}`],
    ['a script that never ends', () => page`<script>${''}`],
    ['an attribute that is written twice', () => page`<p title="a" title="${x}">x</p>`],
    ['CDATA', () => page`<svg><![CDATA[${x}]]></svg>`],
    ['the end of a script that may follow', () => page`<script type="application/json"></scr${x}</script>`],
    ['the charset', () => page`<meta charset="${x}">`],
    ['an instruction', () => page`<?php ${x} ?>`],
    ['behind a stray <', () => page`a < ${x}`],
    ['an invalid escape', () => page`\u${x}`],
  ])('is refused at first use when a value stands in %s', (_place, use) => {
    expect(use).toThrow(expect.objectContaining({ code: 'PTC_XSS_TEMPLATE_UNSAFE' }))
    expect(use).toThrow(expect.objectContaining({ code: 'PTC_XSS_TEMPLATE_UNSAFE' }))
  })

  it.each([[['<p>', '</p>']], [Object.assign(['<p>', '</p>'], { raw: ['<p>', '</p>'] })], ['<p>']])(
    'is no call with %j',
    (parts) => {
      expect(() => page(parts as unknown as TemplateStringsArray, 'a')).toThrow(TypeError)
    },
  )

  it.each([[{}], [Symbol('s')], [() => 'x'], [{ toString: () => '<b>' }]])('takes no value like %o', (value) => {
    expect(() => page`<p>${value}</p>`).toThrow(TypeError)
  })

  it('lets no value leave its place, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const text = String(
          page`<a href="${value}" title="${value}">${value}</a><a href="/?q=${value}">x</a><title>${value}</title>`,
        )
        expect(text.replaceAll(/[^<>"]/g, '')).toBe('<""""><><""><><><>')
      }),
      { numRuns: 500 },
    )
  })

  it('links no scheme that runs, whatever stands around it', () => {
    const scheme = fc.constantFrom('javascript:', 'vbscript:', 'data:', 'JAVASCRIPT:', 'view-source:')
    const blank = fc.string({ unit: fc.constantFrom('\t', '\n', '\r', ' ', '\u0000', '\u001f'), maxLength: 3 })
    fc.assert(
      fc.property(scheme, fc.array(blank, { minLength: 14, maxLength: 14 }), (name, blanks) => {
        const url = Array.from(name)
          .map((character, index) => (blanks[index] ?? '') + character)
          .join('')
        expect(String(page`<a href="${url}"></a>`)).toBe('<a href="about:invalid"></a>')
      }),
    )
  })
})
