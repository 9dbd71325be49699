import { Writable } from 'node:stream'
import { type Logger, pino } from 'pino'

/** A record as it left: parsed, with pino's own fields. */
export type Line = Record<string, unknown> & { level: number; msg: string }

/** A pino logger that keeps what it wrote. */
export interface Trail {
  logger: Logger
  /** Every line as text. */
  text(): string
  lines(kind?: 'access' | 'decision'): Line[]
  /** Waits until a line of that kind is there. */
  next(kind: 'access' | 'decision'): Promise<Line>
}

export function trail(level = 'info'): Trail {
  let written = ''
  const waiting = new Set<() => void>()
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk)
      for (const look of waiting) look()
      done()
    },
  })
  const lines = (kind?: string): Line[] =>
    written
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
      .filter((line) => kind === undefined || line['audit'] === kind)
  return {
    logger: pino({ level }, stream),
    text: () => written,
    lines,
    next: (kind) =>
      new Promise((resolve) => {
        const look = (): void => {
          const [line] = lines(kind)
          if (line === undefined) return
          waiting.delete(look)
          resolve(line)
        }
        waiting.add(look)
        look()
      }),
  }
}

/** A promise and the function that settles it. */
export function signal(): { reached: Promise<void>; reach: () => void } {
  let reach = (): void => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  return { reached, reach }
}
