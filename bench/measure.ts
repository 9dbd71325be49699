/** How long and how often `measure` measures. */
export interface MeasureOptions {
  /** Rounds that count, each over all subjects; odd, so that the median is a measurement. Default 9. */
  readonly rounds?: number
  /** Milliseconds each subject runs in one round. Default 80. */
  readonly milliseconds?: number
}

/** One subject's figures. */
export interface Measurement {
  readonly name: string
  /** Median over the rounds, nanoseconds a call. */
  readonly nanoseconds: number
  /** The subject's time ÷ the first subject's, both medians. */
  readonly ratio: number
  /** (slowest − fastest round) ÷ median: how far to believe the rest. */
  readonly spread: number
}

type Subject = () => unknown

/** Results are kept here, so that no call is optimised away. */
export const kept: { value: unknown } = { value: undefined }

/**
 * Times functions side by side: the subjects take turns within every round (and every other round in reverse), so a
 * noisy machine disturbs all of them alike. A subject that returns a promise is awaited. Prints a table.
 * @example await measure('parse an origin', { 'new URL': () => new URL(text), ours: () => parseOrigin(text) })
 * @returns one measurement a subject, in the order given; the first is the one that ratios refer to.
 */
export async function measure(
  title: string,
  subjects: Readonly<Record<string, Subject>>,
  { rounds = 9, milliseconds = 80 }: MeasureOptions = {},
): Promise<readonly Measurement[]> {
  const entries: { name: string; run: Subject; waits: boolean; calls: number; times: number[] }[] = []
  for (const [name, run] of Object.entries(subjects)) {
    const waits = isThenable(run())
    const entry = { name, run, waits, calls: 1, times: [] }
    await warmUp(entry, milliseconds)
    entries.push(entry)
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) {
      entry.times.push((await time(entry)) / entry.calls)
    }
  }
  const first = median(entries[0]?.times ?? [])
  const measurements = entries.map(({ name, times }) => {
    const nanoseconds = median(times)
    return {
      name,
      nanoseconds,
      ratio: nanoseconds / first,
      spread: (Math.max(...times) - Math.min(...times)) / nanoseconds,
    }
  })
  print(title, measurements)
  return measurements
}

/** Runs until the compiler has settled, and finds how many calls fill a round. */
async function warmUp(entry: { run: Subject; waits: boolean; calls: number }, milliseconds: number): Promise<void> {
  const wanted = milliseconds * 1e6
  let spent = 0
  for (let last = 0; last < wanted / 2 || spent < wanted * 2; spent += last) {
    last = await time(entry)
    if (last < wanted / 2) entry.calls *= 2
  }
}

/** Nanoseconds for `calls` calls. */
async function time({ run, waits, calls }: { run: Subject; waits: boolean; calls: number }): Promise<number> {
  const start = process.hrtime.bigint()
  if (waits) for (let call = 0; call < calls; call++) kept.value = await run()
  else for (let call = 0; call < calls; call++) kept.value = run()
  return Number(process.hrtime.bigint() - start)
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** The middle value; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

function print(title: string, measurements: readonly Measurement[]): void {
  const width = Math.max(...measurements.map(({ name }) => name.length))
  console.log(`\n${title}`)
  for (const { name, nanoseconds, ratio, spread } of measurements) {
    const figure = nanoseconds >= 1e5 ? `${(nanoseconds / 1e3).toFixed(1)} µs/op` : `${nanoseconds.toFixed(1)} ns/op`
    console.log(
      `  ${name.padEnd(width)}  ${figure.padStart(14)}  ×${ratio.toFixed(2).padStart(7)}  ±${Math.round(spread * 50)} %`,
    )
  }
}
