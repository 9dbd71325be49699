/**
 * What a directive's list holds. `sources`: a source list; `code`: a source list that may name code (keywords,
 * nonces, hashes); `ancestors`: as `sources`, without code; `tokens`: words of `among`; `urls`; `names`: policy names;
 * `endpoint`: one name of `reportingEndpoints`; `flag`: no list.
 */
export type DirectiveKind = 'code' | 'sources' | 'ancestors' | 'tokens' | 'urls' | 'names' | 'endpoint' | 'flag'

/** One directive of CSP3 as this room knows it. */
export interface Directive {
  readonly kind: DirectiveKind
  readonly governs: string
  readonly among?: readonly string[]
}

/** Directives that take a list. */
export type ListDirective =
  | `${'default' | 'script' | 'style' | 'worker' | 'connect' | 'img' | 'font' | 'media' | 'object'}-src`
  | `${'manifest' | 'frame' | 'child'}-src`
  | `${'script' | 'style'}-src-${'elem' | 'attr'}`
  | 'base-uri'
  | 'form-action'
  | 'frame-ancestors'
  | 'sandbox'
  | 'report-to'
  | 'report-uri'
  | 'require-trusted-types-for'
  | 'trusted-types'

const sandboxTokens = [
  'allow-downloads',
  'allow-forms',
  'allow-modals',
  'allow-orientation-lock',
  'allow-pointer-lock',
  'allow-popups',
  'allow-popups-to-escape-sandbox',
  'allow-presentation',
  'allow-same-origin',
  'allow-scripts',
  'allow-storage-access-by-user-activation',
  'allow-top-navigation',
  'allow-top-navigation-by-user-activation',
  'allow-top-navigation-to-custom-protocols',
]

/**
 * The directives a policy may set (CSP3 §6, Trusted Types, Upgrade Insecure Requests). Withdrawn ones
 * (`plugin-types`, `referrer`, `block-all-mixed-content`, `navigate-to`) are absent on purpose.
 */
const byName: Readonly<Record<ListDirective | 'upgrade-insecure-requests', Directive>> = {
  'default-src': { kind: 'code', governs: 'whatever no other directive names' },
  'script-src': { kind: 'code', governs: 'scripts' },
  'script-src-elem': { kind: 'code', governs: 'script elements' },
  'script-src-attr': { kind: 'code', governs: 'inline event handlers' },
  'style-src': { kind: 'code', governs: 'styles' },
  'style-src-elem': { kind: 'code', governs: 'style elements' },
  'style-src-attr': { kind: 'code', governs: 'style attributes' },
  'worker-src': { kind: 'sources', governs: 'workers' },
  'connect-src': { kind: 'sources', governs: 'fetch, WebSocket and EventSource' },
  'img-src': { kind: 'sources', governs: 'images' },
  'font-src': { kind: 'sources', governs: 'fonts' },
  'media-src': { kind: 'sources', governs: 'audio and video' },
  'object-src': { kind: 'sources', governs: 'plugins' },
  'manifest-src': { kind: 'sources', governs: 'manifests' },
  'frame-src': { kind: 'sources', governs: 'frames inside the page' },
  'child-src': { kind: 'sources', governs: 'frames and workers' },
  'base-uri': { kind: 'sources', governs: 'the base element' },
  'form-action': { kind: 'sources', governs: 'where forms may be sent' },
  'frame-ancestors': { kind: 'ancestors', governs: 'who may frame the page' },
  sandbox: { kind: 'tokens', governs: 'the sandbox the page lives in', among: sandboxTokens },
  'report-to': { kind: 'endpoint', governs: 'which of the reportingEndpoints hears of violations' },
  'report-uri': { kind: 'urls', governs: 'where browsers without report-to report violations' },
  'require-trusted-types-for': { kind: 'tokens', governs: 'DOM sinks that want Trusted Types', among: ["'script'"] },
  'trusted-types': { kind: 'names', governs: 'the names of Trusted Types policies' },
  'upgrade-insecure-requests': { kind: 'flag', governs: 'whether http: subresources are asked over https:' },
}

/** The same for names that may be anything. */
export const directives: Readonly<Record<string, Directive>> = byName

/** Directives whose list decides which scripts run. */
export const scriptDirectives: ReadonlySet<string> = new Set([
  'default-src',
  'script-src',
  'script-src-elem',
  'script-src-attr',
])
