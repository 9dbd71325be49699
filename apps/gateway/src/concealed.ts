/** Characters: what is shorter is a port, a switch or a word, and would be found everywhere. */
const SECRET = 6

/** What references brought, by value. */
export class Concealed {
  readonly #references = new Map<string, string>()

  /** @param reference what takes its place: `${NAME}` */
  add(value: string, reference: string): void {
    for (const part of [value, ...value.split(/\r?\n/)]) {
      if (part.length >= SECRET) this.#references.set(part, reference)
    }
  }

  /** A text with references in the place of what they brought: others read it. */
  conceal(text: string): string {
    let concealed = text
    // What holds another goes first.
    for (const value of [...this.#references.keys()].toSorted((one, other) => other.length - one.length)) {
      concealed = concealed.replaceAll(value, () => this.#references.get(value) as string)
    }
    return concealed
  }
}
