import { type Profile, sanitizeHtml } from '@portcullis/xss'
import type { Figure, Size } from '../proof.ts'

/** The cap on bytes that `sanitizeHtml` has by default. */
const CAP = 100_000

/** What makes parsers slow: input that nests, that never closes, that closes what was never opened. */
const parts: readonly (readonly string[])[] = [
  ...['<', '>', '&', '"', '</', '<!', '<?', '<!--', '-->', '<![CDATA[', '&lt', '&#x26;', '\0<', '<a', '<a b'].map(
    (part) => [part],
  ),
  ...[
    '<div>',
    '<b>',
    '<p>',
    '<svg>',
    '<table><tr><td>',
    '<ul><li><p>',
    '<script>',
    '<textarea>',
    '<b>x',
    '</p>',
    '</b>',
  ].map((part) => [part]),
  ...[
    '<a href="https://a.example/">x</a>',
    '<img src="https://a.example/x.png">',
    '<p style="color:red;',
    '<b c="d" ',
  ].map((part) => [part]),
  ['<b>', '</i>'],
  ['<b>', '</b>'],
  ['<div>', '</i>'],
  ['<xmp>', '</div>'],
  ['<iframe>', '<iframe>'],
  ['<li>', '</ul>'],
]

/** Fills `bytes` with each part in turn, an equal share of them. */
const filled = (some: readonly string[], bytes: number): string =>
  some.map((part) => part.repeat(Math.ceil(bytes / some.length / part.length)).slice(0, bytes / some.length)).join('')

type Input = readonly [what: string, make: (bytes: number) => string]

/** Those, and what is slow within one attribute or one tag. */
const inputs: readonly Input[] = [
  ...parts.map((some): Input => [some.join('…'), (bytes) => filled(some, bytes)]),
  ...['<!---->', '<!--', '&#9;', '&Tab;', ':', '/', 'https://'].flatMap((part): Input[] => [
    [`<a href="${part}…">`, (bytes) => `<a href="${filled([part], bytes - 20)}">x</a>`],
    [`<img src="${part}…">`, (bytes) => `<img src="${filled([part], bytes - 20)}">`],
  ]),
  [
    '<a and as many attributes',
    (bytes) => `<a ${Array.from({ length: bytes / 7 }, (_, i) => `a${i}`).join(' ')}>x</a>`,
  ],
  ['<b> as deep as it may be, and <i>', (bytes) => '<b>'.repeat(99) + filled(['<i></i>'], bytes - 300)],
]

const profiles: readonly Profile[] = ['text', 'basic', 'article']

/** Milliseconds of CPU, the least of three. */
function cost(html: string, profile: Profile): number {
  const times = [0, 1, 2].map(() => {
    const before = process.cpuUsage()
    sanitizeHtml(html, { profile })
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...times)
}

/** The slowest input within the cap; and that depth is bounded, so that twice the input takes twice the time. */
export async function prove(size: Size): Promise<Figure[]> {
  const bytes = size === 'full' ? CAP : CAP / 10
  let slowest = { milliseconds: 0, what: '' }
  let growth = { times: 0, what: '' }
  for (const [input, make] of inputs) {
    for (const profile of profiles) {
      const what = `${profile} ${input}`
      const half = cost(make(bytes / 2), profile)
      const whole = cost(make(bytes), profile)
      if (whole > slowest.milliseconds) slowest = { milliseconds: whole, what }
      // Below that the clock is coarser than the difference.
      if (half > 5 && whole / half > growth.times) growth = { times: whole / half, what }
    }
  }
  return [
    {
      name: `sanitizeHtml, the slowest of ${inputs.length * profiles.length} hostile inputs of ${bytes} bytes`,
      figure: `${slowest.milliseconds.toFixed(1)} ms (${slowest.what})`,
      bound: '≤ 200 ms',
      ok: slowest.milliseconds <= 200,
    },
    {
      name: 'sanitizeHtml, time of twice the input ÷ time of the input',
      figure: growth.times.toFixed(2),
      bound: '≤ 3 (linear: 2, quadratic: 4)',
      ok: growth.times <= 3,
    },
  ]
}
