import sanitize, { type IOptions } from 'sanitize-html'

/** What is left of somebody else's HTML: its words, its emphasis and lists, or a whole article's structure. */
export type Profile = 'text' | 'basic' | 'article'

const words = (list: string): string[] => list.split(' ')
const basicTags = words('a b blockquote br code em i li ol p pre s strong u ul')
const articleTags = [
  ...basicTags,
  ...words('h2 h3 h4 h5 h6 hr figure figcaption img dl dt dd sub sup small abbr cite del ins kbd q mark'),
  ...words('table caption thead tbody tfoot tr th td'),
]

/**
 * No `id`, `name` or `class`: an element of that name would stand in for a variable of the page's scripts (DOM
 * clobbering) or wear its styles. No `style`, no embedded SVG, MathML or template: parsers disagree on them, which is
 * how harmless markup becomes another when it is parsed again.
 */
const base: IOptions = {
  allowedSchemes: ['http', 'https', 'mailto', 'tel'],
  allowedSchemesAppliedToAttributes: ['href', 'src', 'cite'],
  allowProtocolRelative: false,
  disallowedTagsMode: 'discard',
  // What stands in these is code or another document, not words.
  nonTextTags: [
    'script',
    'style',
    'textarea',
    'option',
    'noscript',
    'template',
    'xmp',
    'iframe',
    'noembed',
    'noframes',
  ],
  parseStyleAttributes: false,
  enforceHtmlBoundary: false,
}

/** Longest URL, in characters: sanitize-html reads them in quadratic time. */
const LONGEST_URL = 2048

const bounded = (url: string): string => (url.length > LONGEST_URL ? '' : url)

/**
 * A link of a stranger's vouches for nothing, and gets no handle on our window. Whether its address stays is decided
 * later, and must not change what a second pass makes of it.
 */
const link: IOptions['transformTags'] = {
  a: (tagName, { href = '' }) => ({
    tagName,
    attribs: { href: bounded(href), rel: 'nofollow ugc noopener noreferrer' },
  }),
}

/** sanitize-html's options of each profile. */
const profiles: Readonly<Record<Profile, IOptions>> = {
  text: { ...base, allowedTags: [], allowedAttributes: {} },
  basic: { ...base, allowedTags: basicTags, allowedAttributes: { a: ['href', 'rel'] }, transformTags: link },
  article: {
    ...base,
    allowedTags: articleTags,
    allowedAttributes: {
      a: ['href', 'rel'],
      img: ['src', 'alt', 'width', 'height', 'loading'],
      th: ['colspan', 'rowspan', 'scope'],
      td: ['colspan', 'rowspan'],
      ol: ['start', 'reversed'],
      abbr: ['title'],
    },
    // Over plaintext an image tells everybody on the way what is read.
    allowedSchemesByTag: { img: ['https'] },
    transformTags: {
      ...link,
      img: (tagName, { src = '', ...attribs }) => ({
        tagName,
        attribs: { src: bounded(src), ...attribs, loading: 'lazy' },
      }),
    },
  },
}

/** Whether there is a profile of that name. */
export function isProfile(name: string): name is Profile {
  return Object.hasOwn(profiles, name)
}

/**
 * Sanitises by a profile. Its options do not leave this file: our declarations would ask every user for the types of
 * sanitize-html.
 * @param watch told of each element that opens and closes; what it throws ends the work
 */
export function sanitizeBy(
  profile: Profile,
  html: string,
  watch: { readonly onOpenTag: () => void; readonly onCloseTag: () => void },
): string {
  return sanitize(html, { ...profiles[profile], ...watch })
}
