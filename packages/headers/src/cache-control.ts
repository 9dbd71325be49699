import type { Finding } from '@portcullis/kernel'

/** Directives of answers (RFC 9111 §5.2.2, RFC 5861, RFC 8246), and whether they take seconds. */
const known: Readonly<Record<string, boolean>> = {
  'max-age': true,
  's-maxage': true,
  'stale-while-revalidate': true,
  'stale-if-error': true,
  'no-store': false,
  'no-cache': false,
  private: false,
  public: false,
  'must-revalidate': false,
  'proxy-revalidate': false,
  'must-understand': false,
  'no-transform': false,
  immutable: false,
}

interface Fault {
  readonly rule: string
  readonly message: string
}

/**
 * Looks for what caches would silently ignore, and for directives that take each other back.
 * All mistakes carry the same fix, the repaired value.
 * @param value of well-formed directives; the schema has seen to that.
 */
export function checkCacheControl(value: string): Finding[] {
  const faults: Fault[] = []
  const kept = new Map<string, string>()
  for (const directive of value.split(/, ?/)) {
    const [name = '', seconds] = directive.split('=')
    if (!Object.hasOwn(known, name)) {
      faults.push({ rule: 'unknown-cache-directive', message: `${name} is no directive that caches know; remove it` })
    } else if (known[name] === true && seconds === undefined) {
      faults.push({ rule: 'seconds-missing', message: `${name} says nothing without seconds; write ${name}=60` })
      kept.set(name, `${name}=60`)
    } else if (known[name] === false && seconds !== undefined) {
      faults.push({ rule: 'seconds-without-effect', message: `${name} takes no seconds; write ${name}` })
      kept.set(name, name)
    } else if (kept.has(name)) {
      faults.push({ rule: 'duplicate-cache-directive', message: `${name} stands there twice; keep one` })
    } else kept.set(name, directive)
  }
  const clash = (rule: string, stricter: string, others: readonly string[]): void => {
    if (!kept.has(stricter)) return
    const looser = others.filter((name) => kept.delete(name))
    if (looser.length === 0) return
    faults.push({ rule, message: `${stricter} takes back ${looser.join(', ')}; keep one of them` })
  }
  // RFC 9111 §5.2.2.5: nothing that is not stored can be old or shared. `max-age=0` beside it is an old habit, harmless.
  clash(
    'no-store-with-others',
    'no-store',
    Object.keys(known).filter((name) => {
      const harmless = ['no-store', 'no-cache', 'private', 'no-transform', 'must-revalidate', 'must-understand']
      return !harmless.includes(name) && kept.get(name) !== 'max-age=0'
    }),
  )
  clash('private-with-shared', 'private', ['public', 's-maxage', 'proxy-revalidate'])
  const repaired = kept.size === 0 ? 'no-store' : [...kept.values()].join(', ')
  return faults.map((fault) => ({
    at: '/cacheControl',
    ...fault,
    fix: [{ op: 'add', path: '/cacheControl', value: repaired }],
  }))
}
