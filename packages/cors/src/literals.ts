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
                Text
              >
            >
          >
        >
      >
    >
  >
>

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

type Each<List, Kind extends 'origin' | 'method'> = List extends readonly unknown[]
  ? { readonly [At in keyof List]: Kind extends 'origin' ? CheckedOrigin<List[At]> : CheckedMethod<List[At]> }
  : List

/** The options as they stand, with a mistake in place of each literal that cannot be right. */
type CheckedCors<Options extends CorsRoute> = {
  readonly [Key in keyof Options]: Key extends 'origins'
    ? Each<Options[Key], 'origin'>
    : Key extends 'methods'
      ? Each<Options[Key], 'method'>
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
