/** How kinds of servers read a path. Each is right by its own lights; together they are what a path can be taken for. */
export const interpreters: Readonly<Record<string, (path: string) => string>> = {
  /** Browsers, Node's URL, and what is built on them. */
  whatwg: (path) => decode(new URL(path, 'http://a').pathname),
  /** RFC 3986 §6: decoded once, then §5.2.4. */
  'rfc 3986': (path) => withoutDots(decode(path)),
  /** nginx: decoded, slashes merged, then dot segments. */
  nginx: (path) => withoutDots(decode(path).replaceAll(/\/{2,}/g, '/')),
  /** Tomcat: path parameters off, then decoded and normalised. */
  tomcat: (path) => withoutDots(decode(path.replaceAll(/;[^/]*/g, '')).replaceAll(/\/{2,}/g, '/')),
  /** A decoder in front of Tomcat. */
  'decoded before tomcat': (path) =>
    withoutDots(
      decode(path)
        .replaceAll(/;[^/]*/g, '')
        .replaceAll(/\/{2,}/g, '/'),
    ),
  /** Windows: backslashes separate, no case, no dots and spaces at the end of a name. */
  windows: (path) =>
    withoutDots(
      decode(path)
        .replaceAll('\\', '/')
        .replaceAll(/\/{2,}/g, '/'),
    )
      .split('/')
      .map((segment) => segment.replace(/[. ]+$/, '').toLowerCase())
      .join('/'),
  /** Express: no case, no slash at the end. */
  express: (path) =>
    decode(path)
      .toLowerCase()
      .replace(/(?<=.)\/$/, ''),
  /** Two decoders in a row. */
  twice: (path) => withoutDots(decode(decode(path))),
  /** Compatibility folding (Unicode TR15), as some frameworks and databases do. */
  unicode: (path) => withoutDots(decode(path).normalize('NFKC')),
  /** C: what follows a NUL is not there. */
  'NUL-terminated': (path) => withoutDots(decode(path).split('\0', 1)[0] as string),
}

/** Decodes what can be decoded, as lenient servers do. */
function decode(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run)
    } catch {
      // Overlong forms too are dots and slashes to somebody.
      return run.replaceAll(/%c0%ae/gi, '.').replaceAll(/%c0%af/gi, '/')
    }
  })
}

/** RFC 3986 §5.2.4. */
function withoutDots(path: string): string {
  const out: string[] = []
  const segments = path.split('/').slice(1)
  for (const [place, segment] of segments.entries()) {
    const last = place === segments.length - 1
    if (segment === '..') out.pop()
    if (segment !== '.' && segment !== '..') out.push(segment)
    else if (last) out.push('')
  }
  return `/${out.join('/')}`
}
