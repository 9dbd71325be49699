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
  /** CPU time of the process in its cheapest round, nanoseconds a call: what other processes disturb least. */
  readonly nanoseconds: number
  /** The same, median over the rounds. */
  readonly median: number
  /** Time by the clock, median over the rounds. */
  readonly wall: number
  /** The subject's time ÷ the first subject's, both of their cheapest rounds. */
  readonly ratio: number
  /** (dearest − cheapest round) ÷ median: how far to believe the rest. */
  readonly spread: number
}

type Subject = () => unknown

/** Results are kept here, so that no call is optimised away. */
export const kept: { value: unknown } = { value: undefined }

/**
 * Times functions side by side, in CPU time: the subjects take turns within every round (and every other round in reverse), so a
 * noisy machine disturbs all of them alike. A subject that returns a promise is awaited. Prints a table.
 * @example await measure('parse an origin', { 'new URL': () => new URL(text), ours: () => parseOrigin(text) })
 * @returns one measurement a subject, in the order given; the first is the one that ratios refer to.
 */
export async function measure(
  title: string,
  subjects: Readonly<Record<string, Subject>>,
  { rounds = 9, milliseconds = 80 }: MeasureOptions = {},
): Promise<readonly Measurement[]> {
  const entries: { name: string; run: Subject; waits: boolean; calls: number; times: Time[] }[] = []
  for (const [name, run] of Object.entries(subjects)) {
    const waits = isThenable(run())
    const entry = { name, run, waits, calls: 1, times: [] }
    await warmUp(entry, milliseconds)
    entries.push(entry)
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) {
      entry.times.push(await time(entry))
    }
  }
  const measurements = entries.map(({ name, times, calls }) => {
    const cpu = times.map((one) => one.cpu / calls)
    const nanoseconds = Math.min(...cpu)
    const middle = median(cpu)
    return {
      name,
      nanoseconds,
      median: middle,
      wall: median(times.map((one) => one.wall / calls)),
      ratio: 1,
      spread: (Math.max(...cpu) - nanoseconds) / middle,
    }
  })
  const first = measurements[0]?.nanoseconds ?? Number.NaN
  for (const measurement of measurements) measurement.ratio = measurement.nanoseconds / first
  print(title, measurements)
  return measurements
}

/** Runs until the compiler has settled, and finds how many calls fill a round. */
async function warmUp(entry: { run: Subject; waits: boolean; calls: number }, milliseconds: number): Promise<void> {
  const wanted = milliseconds * 1e6
  let spent = 0
  for (let last = 0; last < wanted / 2 || spent < wanted * 2; spent += last) {
    last = (await time(entry)).wall
    if (last < wanted / 2) entry.calls *= 2
  }
}

/** Nanoseconds. */
interface Time {
  readonly cpu: number
  readonly wall: number
}

/** The time of `calls` calls. CPU time stands still while another process runs, and counts collecting our garbage. */
async function time({ run, waits, calls }: { run: Subject; waits: boolean; calls: number }): Promise<Time> {
  const before = process.cpuUsage()
  const start = process.hrtime.bigint()
  if (waits) for (let call = 0; call < calls; call++) kept.value = await run()
  else for (let call = 0; call < calls; call++) kept.value = run()
  const wall = Number(process.hrtime.bigint() - start)
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) * 1000, wall }
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
  console.log(`\n${title}: CPU a call, lowest and median round; by the clock`)
  for (const { name, nanoseconds, median: middle, wall, ratio, spread } of measurements) {
    const figures = [nanoseconds, middle, wall].map(text)
    console.log(
      `  ${name.padEnd(width)}  ${figures.join('')}  ×${ratio.toFixed(2).padStart(7)}  ±${Math.round(spread * 50)} %`,
    )
  }
}

const text = (nanoseconds: number): string =>
  (nanoseconds >= 1e5 ? `${(nanoseconds / 1e3).toFixed(1)} µs` : `${nanoseconds.toFixed(1)} ns`).padStart(12)
