import type { Finding } from '@portcullis/kernel'
import { inspectSchema } from './inspect.ts'
import { membersIn, readingOf, telling } from './members.ts'
import { followed, inOptions, isObject, type Place, within } from './pointer.ts'
import { typesOf } from './shapes.ts'
import { OF_OBJECTS, type Spelling, textFault } from './spellings.ts'

/** What is wrong with descriptions. Schemas that many refer to are told of once. */
export class Notes {
  readonly findings: Finding[] = []
  readonly #seen = new Set<string>()
  readonly #told = new Set<string>()
  /** Where schemas break the rules of schemas. */
  readonly #amiss = new Set<string>()
  readonly #looks: boolean

  /** @param looks whether schemas are looked through: once is enough */
  constructor(looks = true) {
    this.#looks = looks
  }

  /** Once: many may refer to what is told of. */
  tell(place: Place, rule: string, message: string, fix: Finding['fix']): void {
    const at = inOptions(place)
    if (this.#told.has(`${rule} ${at}`)) return
    this.#told.add(`${rule} ${at}`)
    this.findings.push({ at, rule, message, fix })
  }

  remove(place: Place, rule: string, message: string): void {
    this.tell(place, rule, message, [{ op: 'remove', path: inOptions(place) }])
  }

  /** Looks a schema through. What stands in another one that was looked through is told of there. */
  schema(place: Place): void {
    if (!this.#looks) return
    for (const finding of inspectSchema(place, this.#seen)) {
      if (this.#amiss.has(finding.at)) continue
      this.#amiss.add(finding.at)
      this.findings.push(finding)
    }
  }

  /** Looks the schema of one parameter through, which comes as text. @param spelling how it is written */
  text(place: Place, spelling: Spelling): void {
    if (!this.#looks) return
    const before = this.findings.length
    this.schema(place)
    const known = this.findings.length > before || this.#amiss.has(inOptions(place))
    const fault = known ? null : textFault(place, spelling)
    if (fault === null) return this.#membersAlike(place, spelling)
    const target = followed(place) ?? place
    const at = inOptions(target)
    // An object whose members are names of the query has to say which.
    const type = OF_OBJECTS.has(spelling) && spelling !== 'spread' ? 'object' : 'string'
    const fix =
      isObject(target.value) && !OF_OBJECTS.has(spelling)
        ? ({ op: 'add', path: `${at}/type`, value: type } as const)
        : ({ op: 'replace', path: at, value: { type } } as const)
    this.findings.push({ at, rule: 'parameter-untold', message: `${fault}; write type: '${type}'`, fix: [fix] })
  }

  /** Tells of members of an object, in texts, that are read in two ways or in none. */
  #membersAlike(place: Place, spelling: Spelling): void {
    if (!OF_OBJECTS.has(spelling)) return
    const { named, others } = membersIn(place)
    for (const other of others) this.unnamed(other)
    for (const places of named.values()) this.alike(places, telling(places), readingOf)
  }

  /** Looks through the schemas of all members of a query. @param spelling how they are written */
  members(place: Place, spelling: Spelling): void {
    const { named, others } = membersIn(place)
    // Header fields that are not written are nobody's business.
    for (const other of spelling === 'commas' ? [] : others) this.unnamed(other)
    for (const [name, places] of named) {
      // The rest of a path is a text, whatever it is of.
      if (name === '*') continue
      const member = telling(places)
      this.text(member, spelling)
      this.alike(places, member, readingOf)
    }
  }

  /** Tells of encodings of what the form has not. */
  encodingsOf(named: ReadonlyMap<string, unknown>, holder: Place): void {
    const { value } = within(holder, 'encoding')
    for (const name of isObject(value) ? Object.keys(value) : []) {
      if (named.has(name)) continue
      this.remove(within(holder, 'encoding', name), 'encoding-unknown', 'is of no property of the form; remove it')
    }
  }

  /** Tells of schemas of one member that read its texts in different ways: they are read before it is known which one holds. */
  alike(
    places: readonly Place[],
    first: Place,
    reading: (place: Place) => string | null,
    rule = 'parameter-untold',
  ): void {
    const wanted = reading(first)
    for (const one of places) {
      const read = reading(one)
      if (read === null || read === wanted) continue
      const message =
        'is of another type than this name elsewhere in the schema, and is read before it is known which one holds; write the same type'
      this.tell(one, rule, message, [{ op: 'replace', path: inOptions(one), value: first.value }])
    }
  }

  /** Tells of schemas that no text of a name that is not written matches: it stays a text. */
  unnamed(place: Place): void {
    const types = typesOf(place)
    if (types === null || types.has('string')) return
    const message = "is of names that are not written, whose values stay texts; name them, or write type: 'string'"
    this.tell(place, 'parameter-untold', message, [
      { op: 'replace', path: inOptions(place), value: { type: 'string' } },
    ])
  }
}
