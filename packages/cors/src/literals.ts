import type { CorsOptions, CorsRoute } from './options.ts'

// oxfmt-ignore
type Upper =
  | 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M'
  | 'N' | 'O' | 'P' | 'Q' | 'R' | 'S' | 'T' | 'U' | 'V' | 'W' | 'X' | 'Y' | 'Z'

/** No text has this: compilers print it where one would have to. */
interface Mistake<Sentence> {
  readonly mistake: Sentence
}

/** `Sentence` if `Text` is one of `Wrong`, otherwise what comes next. */
type Unless<Text, Wrong, Sentence, Next> = Text extends Wrong ? Mistake<Sentence> : Next

/** What is wrong with what follows `https://`; `Text` itself if nothing is. */
type AfterScheme<Text, After, Port extends string> = Unless<
  After,
  '' | `:${string}`,
  'an origin needs a host',
  Unless<
    After,
    `${string}/`,
    'an origin ends without a slash',
    Unless<
      After,
      `${string}${'/' | '?' | '#'}${string}`,
      'an origin ends after host and port',
      Unless<
        After,
        `${string}@${string}`,
        'an origin has no user name',
        Unless<
          After,
          `${string}:${Port}`,
          'an origin leaves the default port out',
          Unless<
            After,
            `${string}${Upper}${string}`,
            'an origin is in lower case',
            Unless<
              After,
              `${string}${' ' | ','}${string}`,
              'each origin is an entry of its own',
              Unless<
                After,
                '*' | `*:${string}` | `${string}.*.${string}`,
                "a wildcard is the first label of a domain: 'https://*.example.com'",
                After extends `*.${infer Domain}` ? AfterWildcard<Text, Domain> : Text
              >
            >
          >
        >
      >
    >
  >
>

/** What is wrong with a wildcard before a whole top-level domain; public suffixes are known at boot only. */
type AfterWildcard<Text, Domain> = Domain extends `${string}.${string}` | 'localhost' | `localhost:${string}`
  ? Text
  : string extends Domain
    ? Text
    : Mistake<"a wildcard stands before your own domain: 'https://*.example.com'">

/** Secure Contexts §3.1: traffic to these never leaves the machine. */
type LoopbackHost = `${'' | `${string}.`}localhost` | `127.${string}` | '[::1]'

/** What is wrong with an origin whose pages send credentials. */
type CredentialedOrigin<Text> = Text extends `http://${LoopbackHost}${'' | `:${string}`}`
  ? CheckedOrigin<Text>
  : Text extends `http://${string}`
    ? Mistake<'credentials need https, but for loopback'>
    : CheckedOrigin<Text>

/** An origin as it stands, or what is wrong with it. */
type CheckedOrigin<Text> = string extends Text
  ? Text
  : Text extends '*'
    ? Text
    : Text extends 'null'
      ? Mistake<"'null' is what every sandboxed frame sends">
      : Text extends `https://${infer After}`
        ? AfterScheme<Text, After, '443'>
        : Text extends `http://${infer After}`
          ? AfterScheme<Text, After, '80'>
          : Text extends string
            ? Mistake<'an origin begins with https:// or http://'>
            : Text

/** A method as it stands, or what is wrong with it. */
type CheckedMethod<Text> = string extends Text
  ? Text
  : Text extends string
    ? Uppercase<Text> extends 'CONNECT' | 'TRACE' | 'TRACK'
      ? Mistake<'browsers never send this method'>
      : Text extends Uppercase<Text>
        ? Text
        : Mistake<'a method is in upper case'>
    : Text

/** Fetch §2.2.2, "forbidden request-header". */
// oxfmt-ignore
type ForbiddenRequestHeader =
  | 'accept-charset' | 'accept-encoding' | 'connection' | 'content-length' | 'cookie' | 'cookie2' | 'date' | 'dnt'
  | 'expect' | 'host' | 'keep-alive' | 'origin' | 'referer' | 'set-cookie' | 'te' | 'trailer' | 'transfer-encoding'
  | 'upgrade' | 'via' | `sec-${string}` | `proxy-${string}` | `access-control-${string}`

/** A request header field as it stands, or what is wrong with it. */
type CheckedRequestHeader<Name> = Name extends '*'
  ? Mistake<'name the fields'>
  : Name extends string
    ? string extends Name
      ? Name
      : Lowercase<Name> extends ForbiddenRequestHeader
        ? Mistake<'browsers let no page set this field'>
        : Name
    : Name

/** A response header field as it stands, or what is wrong with it. */
type CheckedExposedHeader<Name, Credentials> = Name extends '*'
  ? Credentials extends true
    ? Mistake<"with credentials '*' means nothing: name the fields">
    : Name
  : Name extends string
    ? Lowercase<Name> extends 'set-cookie' | 'set-cookie2'
      ? Mistake<'browsers let no page read this field'>
      : Name
    : Name

interface Checked<Entry, Credentials> {
  readonly origins: Credentials extends true ? CredentialedOrigin<Entry> : CheckedOrigin<Entry>
  readonly methods: CheckedMethod<Entry>
  readonly requestHeaders: CheckedRequestHeader<Entry>
  readonly exposedHeaders: CheckedExposedHeader<Entry, Credentials>
}

type Each<List, Key extends keyof Checked<unknown, unknown>, Credentials> = List extends readonly unknown[]
  ? { readonly [At in keyof List]: Checked<List[At], Credentials>[Key] }
  : List

type CredentialsOf<Options> = Options extends { readonly credentials: infer Value } ? Value : false

/** The options as they stand, with a mistake in place of each literal that cannot be right. */
type CheckedCors<Options extends CorsRoute> = {
  readonly [Key in keyof Options]: Key extends keyof Checked<unknown, unknown>
    ? Each<Options[Key], Key, CredentialsOf<Options>>
    : Key extends keyof CorsOptions
      ? Key extends 'credentials'
        ? Options extends { readonly credentials: true; readonly origins: readonly ['*'] }
          ? Mistake<"needs listed origins: with '*' browsers drop credentials">
          : Options[Key]
        : Options[Key]
      : never
}

/**
 * Options whose literals the compiler checks: `'https://app.example.com/'` or `'get'` is an error in the editor already,
 * with the reason in its text. What only the running app knows (a `string[]` from a file) passes, and is checked at boot
 * as everything is.
 * @example await app.register(cors, defineCors({ origins: ['https://app.example.com'], credentials: true }))
 * @returns the same object
 */
export function defineCors<const Options extends CorsRoute | CorsOptions>(
  options: Options & CheckedCors<Options>,
): Options {
  return options
}
