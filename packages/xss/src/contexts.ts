import { attributeKind } from './attributes.ts'

/** How a value is written at its place in a template. */
export type Context = 'text' | 'plain-text' | 'attribute' | 'link' | 'first-segment' | 'link-part' | 'json'

/** Thrown for a template with a value in an unsafe place; says where. */
export class UnsafePlace extends Error {}

const RAW: ReadonlySet<string> = new Set('style xmp iframe noembed noframes noscript plaintext template'.split(' '))
const RCDATA: ReadonlySet<string> = new Set(['textarea', 'title'])
const JSON_TYPE = /^application\/(?:[a-z0-9.-]+\+)?json$/

/** HTML §13.2.5: what separates names. `\s` knows other spaces, which are letters of a name to a browser. */
const SPACE = /[\t\n\f\r ]/

/** What may become another tag, or a comment, by what follows it. */
const UNFINISHED = /^<[/a-z!-]*$/i

/** A link up to a value that is not its beginning: its origin must stand there, whole. */
const FIXED_ORIGIN = /^(?:https?:\/\/[^/?#\s\\]+[/?#]|(?:mailto|tel):|\/(?![/\\])|\.{1,2}\/|[?#]|[A-Za-z0-9_-]+[/?#])/

/** A path that begins with a value: were that empty, `//` would make a host of the next (WHATWG URL §4.4). */
const FIRST_SEGMENT = /^\0?\/$/

/** A colon, in letters or as a character reference, before which a value would be the scheme. */
const SCHEME_OF_DATA = /^\0[^/?#]*(?::|&(?:#|colon))/

type Mode = 'data' | 'rcdata' | 'raw' | 'in-tag' | 'attribute-name' | 'before-value' | 'value'

/**
 * Reads the constant parts of a template as a browser's tokenizer will (HTML §13.2.5), and tells how each value between
 * them has to be written. What it does not know, it refuses.
 */
export class Tokenizer {
  #mode: Mode = 'data'
  #element = ''
  #closing = false
  #attribute = ''
  #quote = ''
  /** The value of the attribute so far; where values of data stand, a NUL does. */
  #value = ''
  /** Attributes of the element so far, to be judged together where it ends. */
  #attributes = new Map<string, string>()
  #json = false

  /** Reads one constant part. */
  read(part: string): void {
    if (part.includes('\0')) throw new UnsafePlace('beside a NUL character')
    let at = 0
    while (at < part.length) at = this.#step(part, at)
  }

  /** How the value that follows is written. */
  hole(): Context {
    switch (this.#mode) {
      case 'data':
        return 'text'
      case 'rcdata':
        return 'plain-text'
      case 'raw':
        if (this.#json) return 'json'
        if (this.#element === 'script')
          throw new UnsafePlace('in a script; put it in <script type="application/json" id="…"> and read it from there')
        throw new UnsafePlace(`in <${this.#element}>, whose text is not escaped`)
      case 'value':
        return this.#holeInValue()
      case 'before-value':
        throw new UnsafePlace(`in ${this.#named()} without quotes; write ${this.#attribute}="…" around it`)
      default:
        throw new UnsafePlace(`where a name of an element or attribute does`)
    }
  }

  /** Checks that the template ends between elements. */
  end(): void {
    if (this.#mode !== 'data') throw new UnsafePlace(`in a template that ends inside <${this.#element}>`)
  }

  #named(): string {
    return `the attribute ${this.#attribute} of <${this.#element}>`
  }

  #holeInValue(): Context {
    if (this.#quote === '') throw new UnsafePlace(`in ${this.#named()} without quotes; write ${this.#attribute}="…"`)
    const kind = attributeKind(this.#element, this.#attribute)
    // WHATWG URL §4.4: tabs and line ends in a URL are passed over.
    const before = this.#value.replaceAll(/[\t\n\r]/g, '')
    this.#value += '\0'
    if (kind === 'refused') throw new UnsafePlace(`in ${this.#named()}, which may hold code`)
    if (kind === 'text') return 'attribute'
    if (before === '' && kind === 'link') return 'link'
    if (kind === 'link') this.#checkScheme()
    const fixed = before.startsWith('\0') ? /[/?#]/.test(before) && kind === 'link' : FIXED_ORIGIN.test(before)
    if (!fixed) throw new UnsafePlace(`in ${this.#named()}, where it decides where from or what is loaded`)
    return FIRST_SEGMENT.test(before) ? 'first-segment' : 'link-part'
  }

  #checkScheme(): void {
    if (SCHEME_OF_DATA.test(this.#value))
      throw new UnsafePlace(`in ${this.#named()}, before a colon that ends a scheme`)
  }

  #step(part: string, at: number): number {
    switch (this.#mode) {
      case 'data':
        return this.#markup(part, at)
      case 'rcdata':
      case 'raw':
        return this.#untilEnd(part, at)
      case 'value':
        return this.#inValue(part, at)
      default:
        return this.#inTag(part, at)
    }
  }

  #markup(part: string, at: number): number {
    const open = part.indexOf('<', at)
    if (open === -1) return part.length
    if (part.startsWith('<!--', open)) return this.#comment(part, open)
    const doctype = /^<!doctype [a-z]+>/i.exec(part.slice(open, open + 20))
    if (doctype !== null) return open + doctype[0].length
    const name = /^<(\/?)([a-zA-Z][a-zA-Z0-9-]*)(?=[\t\n\f\r />])/.exec(part.slice(open))
    // `<` before a space or a digit is text to a browser; here it is a mistake, or the end of a part.
    if (name === null) throw new UnsafePlace('behind a < that begins no element; write &lt; for the character')
    this.#closing = name[1] === '/'
    this.#element = (name[2] ?? '').toLowerCase()
    this.#attributes = new Map()
    this.#mode = 'in-tag'
    return open + name[0].length
  }

  #comment(part: string, open: number): number {
    const close = part.indexOf('-->', open + 4)
    const text = part.slice(open + 4, close === -1 ? undefined : close)
    // HTML §13.1.6: what a comment may not hold is what ends it elsewhere for another parser.
    if (close === -1) throw new UnsafePlace('in a comment')
    if (/^-?>|--!>|<!--/.test(text)) throw new UnsafePlace('behind a comment that browsers end early')
    return close + 3
  }

  #untilEnd(part: string, at: number): number {
    const less = part.indexOf('<', at)
    if (less === -1) return part.length
    const end = new RegExp(`^</${this.#element}(?=[\\t\\n\\f\\r />])`, 'i').exec(part.slice(less))
    if (end !== null) {
      this.#closing = true
      this.#json = false
      this.#attributes = new Map()
      this.#mode = 'in-tag'
      return less + end[0].length
    }
    // Inside SVG these elements hold markup: both readings must agree. HTML §13.2.5.17: `<!--` changes what ends a script.
    if (this.#mode === 'rcdata' || part.startsWith('<!--', less) || UNFINISHED.test(part.slice(less)))
      throw new UnsafePlace(`behind a < in <${this.#element}>`)
    return less + 1
  }

  #inTag(part: string, at: number): number {
    const character = part[at] as string
    if (this.#mode === 'attribute-name') {
      const name = /^[^\t\n\f\r "'<>/=]*/.exec(part.slice(at))?.[0] ?? ''
      this.#attribute += name.toLowerCase()
      const next = part[at + name.length]
      if (next === undefined) return part.length
      if (next === '=') {
        this.#mode = 'before-value'
        this.#value = ''
        return at + name.length + 1
      }
      this.#attributes.set(this.#attribute, '')
      this.#mode = 'in-tag'
      return at + name.length
    }
    if (this.#mode === 'before-value') {
      if (SPACE.test(character)) throw new UnsafePlace(`behind ${this.#named()}, which has a space behind its =`)
      this.#quote = character === '"' || character === "'" ? character : ''
      this.#mode = 'value'
      return this.#quote === '' ? at : at + 1
    }
    if (character === '>') return this.#endTag(at)
    if (character === '/' || SPACE.test(character)) return at + 1
    if (/["'<=]/.test(character))
      throw new UnsafePlace(`behind a ${character} among the attributes of <${this.#element}>`)
    this.#attribute = ''
    this.#mode = 'attribute-name'
    return at
  }

  #inValue(part: string, at: number): number {
    if (this.#quote === '') {
      const plain = /^[^\t\n\f\r "'<>=`]*/.exec(part.slice(at))?.[0] ?? ''
      this.#value += plain
      const next = part[at + plain.length]
      if (next === undefined) return part.length
      if (next !== '>' && !SPACE.test(next)) throw new UnsafePlace(`behind ${this.#named()}, which has no quotes`)
      this.#endValue()
      return at + plain.length
    }
    const close = part.indexOf(this.#quote, at)
    this.#value += part.slice(at, close === -1 ? undefined : close)
    if (close === -1) return part.length
    this.#endValue()
    return close + 1
  }

  #endValue(): void {
    if (attributeKind(this.#element, this.#attribute) === 'link') this.#checkScheme()
    // HTML §13.2.5.33: of two attributes of one name the first counts.
    if (this.#attributes.has(this.#attribute)) throw new UnsafePlace(`behind ${this.#named()}, written twice`)
    this.#attributes.set(this.#attribute, this.#value)
    this.#mode = 'in-tag'
  }

  #endTag(at: number): number {
    const content = this.#attributes.get('content')
    // A refresh goes wherever its content says.
    if (this.#element === 'meta' && content?.includes('\0') === true && this.#attributes.has('http-equiv'))
      throw new UnsafePlace('in the content of a <meta http-equiv>')
    this.#mode = 'data'
    if (this.#closing) return at + 1
    if (RCDATA.has(this.#element)) this.#mode = 'rcdata'
    if (RAW.has(this.#element) || this.#element === 'script') this.#mode = 'raw'
    this.#json = this.#element === 'script' && JSON_TYPE.test(this.#attributes.get('type')?.toLowerCase() ?? '')
    return at + 1
  }
}
