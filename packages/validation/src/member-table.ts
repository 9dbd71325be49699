/** Members of one document's objects: finds a second one of the same name in one object. Reused from body to body. */
export interface MemberTable {
  /** Forgets the members of the body before. */
  begin(body: Buffer): void
  /** Enters a name, as it stands in the body. */
  enter(object: number, hash: number, start: number, end: number): Entry
  /** Enters a name that was written with escapes, as the bytes that it means. */
  enterDecoded(object: number, hash: number, name: Buffer): Entry
}

/** `twice`: its object has one like it. `crowded`: so many names meet in one place that somebody chose them to. */
export type Entry = 'new' | 'twice' | 'crowded'

/** Places looked at for one name: at most half of them are taken, so chance needs no tenth of these. */
const MOST_STEPS = 256
/** Names of one hash, beyond one for each so many members: of 10,000 members chance lets two meet once in a hundred bodies. */
const MOST_ALIKE = 16
const MEMBERS_EACH = 4096

/** Open addressing over typed arrays: no allocation, no work per body but its own members. */
export function memberTable(capacity: number): MemberTable {
  const size = 2 ** Math.ceil(Math.log2(Math.max(16, capacity * 2)))
  const mask = size - 1
  const slots = new Int32Array(size)
  const rounds = new Int32Array(size)
  const objects = new Int32Array(capacity + 1)
  const hashes = new Int32Array(capacity + 1)
  const starts = new Int32Array(capacity + 1)
  const ends = new Int32Array(capacity + 1)
  let decoded: Buffer[] = []
  let round = 0
  let count = 0
  let alike = 0
  let body: Buffer = Buffer.alloc(0)

  /** Names that were written with escapes stand aside, and start below zero. */
  const sourceOf = (start: number): Buffer => (start < 0 ? (decoded[-1 - start] as Buffer) : body)

  function same(entry: number, start: number, end: number): boolean {
    const [one, other] = [starts[entry] as number, start]
    const [a, b] = [sourceOf(one), sourceOf(other)]
    const [from, to] = one < 0 ? [0, a.length] : [one, ends[entry] as number]
    const [otherFrom, otherTo] = other < 0 ? [0, b.length] : [other, end]
    const length = to - from
    if (length !== otherTo - otherFrom) return false
    for (let i = 0; i < length; i++) if (a[from + i] !== b[otherFrom + i]) return false
    return true
  }

  function enter(object: number, hash: number, start: number, end: number): Entry {
    let steps = 0
    let at = Math.imul(hash ^ Math.imul(object, 0x9e3779b1), 0x85ebca6b) >>> 7
    for (at &= mask; rounds[at] === round; at = (at + 1) & mask) {
      const entry = slots[at] as number
      if (++steps > MOST_STEPS) return 'crowded'
      if (hashes[entry] !== hash || objects[entry] !== object) continue
      if (same(entry, start, end)) return 'twice'
      if (++alike > MOST_ALIKE + count / MEMBERS_EACH) return 'crowded'
    }
    rounds[at] = round
    slots[at] = count
    objects[count] = object
    hashes[count] = hash
    starts[count] = start
    ends[count] = end
    count++
    return 'new'
  }

  return {
    begin(next) {
      body = next
      count = 0
      alike = 0
      if (decoded.length > 0) decoded = []
      round = (round + 1) | 0
      if (round === 0) {
        rounds.fill(0)
        round = 1
      }
    },
    enter,
    enterDecoded(object, hash, name) {
      decoded.push(name)
      return enter(object, hash, -decoded.length, 0)
    },
  }
}
