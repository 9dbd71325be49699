/** Path templates and what belongs to each, found by a path in steps as many as the path has segments. */
export class TemplateIndex<Value> {
  readonly #root: Node<Value> = emptyNode()

  /** @param template such as `/api/posts/:id` or `/files/*` */
  add(template: string, value: Value): void {
    let node = this.#root
    for (const text of template.split('/').slice(1)) {
      if (text === '*') return void node.rests.push(value)
      if (text.startsWith(':')) node = node.param ??= emptyNode()
      else {
        const next = node.literals.get(text) ?? emptyNode<Value>()
        node.literals.set(text, next)
        node = next
      }
    }
    node.ends.push(value)
  }

  /** What belongs to the templates that could have made a path, in no order. */
  find(path: string): Value[] {
    const segments = path.split('/').slice(1)
    const found: Value[] = []
    const visit = (node: Node<Value>, at: number): void => {
      const segment = segments[at]
      if (segment === undefined) return void found.push(...node.ends)
      found.push(...node.rests)
      const literal = node.literals.get(segment)
      if (literal !== undefined) visit(literal, at + 1)
      if (node.param !== null && segment !== '') visit(node.param, at + 1)
    }
    visit(this.#root, 0)
    return found
  }
}

interface Node<Value> {
  readonly literals: Map<string, Node<Value>>
  param: Node<Value> | null
  /** Of templates that end here, and of those that end here with a rest. */
  readonly ends: Value[]
  readonly rests: Value[]
}

const emptyNode = <Value>(): Node<Value> => ({ literals: new Map(), param: null, ends: [], rests: [] })
