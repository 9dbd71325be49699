/**
 * Compares servers side by side: `pnpm bench [comparison] [--rounds 9] [--seconds 3] [--only ours] [--json file] [--profile ours]`.
 * Each subject is a process of its own; they take turns within every round, so that a noisy machine disturbs all alike.
 * Every round starts them anew: the same code may be half again as dear in one process as in the next, for as long as
 * that process lives.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { Comparison, Credential, Setup } from './comparison.ts'
import { openLoad, PREFLIGHT, type Expected } from './load.ts'
import { median } from './measure.ts'
import { profile } from './profile.ts'
import { Server, type Field } from './server.ts'
import { signTokens } from './tokens.ts'

const { values, positionals } = parseArgs({
  // `pnpm bench -- --rounds 3` hands the dashes on.
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
})
const name = positionals[0] ?? 'four-concerns'
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const { default: comparison } = (await import(`./comparisons/${name}.ts`)) as { default: Comparison }
const { only } = values
// The ratios need these two, whatever else is asked for.
const subjects = Object.keys(comparison.subjects).filter(
  (subject) =>
    only === undefined || only.includes(subject) || subject === comparison.bare || subject === comparison.official,
)

const names = { issuer: 'https://id.example.com', audience: 'https://api.example.com' }
const origin = 'https://app.example.com'
const { publicKey, tokens } = signTokens(1000, names)
const { preflights = false, apiKeys, refusing = [], post, proxies = false } = comparison
const made = await comparison.keys?.(tokens.length)
const credentials: readonly Credential[] =
  apiKeys === undefined
    ? tokens.map((token, i) => ({
        authorization: `Bearer ${token}`,
        ...(made === undefined ? {} : { 'x-api-key': made[i]?.key ?? '' }),
      }))
    : Array.from({ length: apiKeys }, (_, i) => ({ 'x-api-key': `key-${i}` }))
const method = preflights ? 'OPTIONS' : post === undefined ? 'GET' : 'POST'
const headersWith = (credential: Credential = {}): Record<string, string> =>
  preflights
    ? { origin, ...PREFLIGHT }
    : { origin, ...credential, ...(post !== undefined && { 'content-type': 'application/json' }) }
const headers = headersWith(credentials[0])
/** Seconds of load before a process is measured: what runs often is compiled by then. */
const warmUp = comparison.warmUp ?? 2
// What is measured has a core to itself; the load and the service behind share another.
const [own, other] = proxies && cpus().length > 1 ? [0, 1] : []
const load = openLoad(credentials, origin, { preflights, post: post?.body, core: other })
const entries = made?.map(({ entry }) => entry)
let setup: Setup = { publicKey, origin, ...names, constantFields: [], ...(entries === undefined ? {} : { entries }) }

const backend = proxies ? await Server.start('backend', 'backend', setup, place(other)) : undefined
if (backend !== undefined) setup = { ...setup, backend: backend.port }

try {
  const { constantOf } = comparison
  if (constantOf !== undefined && subjects.includes(constantOf))
    setup = { ...setup, constantFields: await served(constantOf, constantFields) }
  if (values.profile === undefined) await compare()
  else
    await profile(name, values.profile, {
      setup,
      load,
      seconds,
      expected: expectedOf(values.profile),
      ...place(undefined),
    })
} finally {
  load.close()
  await backend?.stop()
}

function place(core: number | undefined): { core?: number; path?: string } {
  const { path } = comparison
  return { ...(core === undefined ? {} : { core }), ...(path === undefined ? {} : { path }) }
}

/** Starts a subject for as long as it is used. */
async function served<T>(subject: string, use: (server: Server) => Promise<T>): Promise<T> {
  const server = await Server.start(name, subject, setup, place(own))
  try {
    return await use(server)
  } finally {
    await server.stop()
  }
}

/** Fields that a second answer repeats, without those that Node writes and those that count. */
async function constantFields(server: Server): Promise<Field[]> {
  const [one, two] = [
    await server.fields(headers, method, post?.body),
    await server.fields(headersWith(credentials[1]), method, post?.body),
  ]
  const same = new Map(two.fields)
  const changing =
    /^(date|connection|keep-alive|content-(type|length)|x-ratelimit-(remaining|reset)|ratelimit|retry-after)$/i
  return one.fields.filter(([field, value]) => same.get(field) === value && !changing.test(field))
}

/** The fields of one answer, which has to be what the comparison says. */
async function answerOf(subject: string, server: Server): Promise<readonly Field[]> {
  const refused = refusing.includes(subject)
  // The first request of a caller is still admitted.
  if (refused) await server.fields(headers, method, post?.body)
  const { status, bytes, fields } = await server.fields(headers, method, post?.body)
  const right = refused ? status === 429 : status === (preflights ? 204 : 200) && bytes === (preflights ? 0 : 200)
  if (!right) throw new Error(`${subject} answers ${status} with ${bytes} bytes`)
  return fields
}

async function compare(): Promise<void> {
  const answers = new Map<string, readonly Field[]>()
  for (const subject of subjects) answers.set(subject, await served(subject, (server) => answerOf(subject, server)))
  const cpu = new Map<string, number[]>(subjects.map((subject) => [subject, []]))
  const system = new Map<string, number[]>(subjects.map((subject) => [subject, []]))
  const rates = new Map<string, number[]>(subjects.map((subject) => [subject, []]))
  const tails = new Map<string, number[]>(subjects.map((subject) => [subject, []]))
  for (let round = 0; round < rounds; round++) {
    // Another order each round: nobody always runs after the same neighbour.
    const shift = round % subjects.length
    const turn = [...subjects.slice(shift), ...subjects.slice(0, shift)]
    for (const subject of round % 2 === 0 ? turn : turn.toReversed()) {
      await served(subject, async (server) => {
        await load.run(server.url, warmUp, refusing.includes(subject) ? 'either' : 'admitted')
        const before = await server.cpu()
        const { answers: requests, p99 } = await load.run(server.url, seconds, expectedOf(subject))
        const after = await server.cpu()
        cpu.get(subject)?.push((after.user + after.system - before.user - before.system) / requests)
        system.get(subject)?.push((after.system - before.system) / requests)
        rates.get(subject)?.push(requests / seconds)
        tails.get(subject)?.push(p99)
      })
    }
    process.stderr.write(`round ${round + 1} of ${rounds}\n`)
  }
  report(answers, { cpu, system, rates, tails })
}

function expectedOf(subject: string): Expected {
  return refusing.includes(subject) ? 'refused' : 'admitted'
}

type Series = ReadonlyMap<string, readonly number[]>

function report(
  answers: ReadonlyMap<string, readonly Field[]>,
  { cpu, system, rates, tails }: { cpu: Series; system: Series; rates: Series; tails: Series },
): void {
  const middle = (series: Series, subject: string): number => median(series.get(subject) ?? [])
  const bare = middle(cpu, comparison.bare)
  const added = middle(cpu, comparison.official) - bare
  const rows = subjects.map((subject) => {
    const times = cpu.get(subject) ?? []
    const own = median(times)
    return {
      subject,
      cpu: own,
      ofThatSystem: middle(system, subject),
      lowest: Math.min(...times),
      highest: Math.max(...times),
      ofBare: bare / own,
      shareOfAdded: (own - bare) / added,
      ofOfficial: own / middle(cpu, comparison.official),
      p99: middle(tails, subject),
      requestsPerSecond: middle(rates, subject),
      fields: answers.get(subject) ?? [],
    }
  })

  for (const { subject, fields } of rows) {
    console.log(`\n${subject}: ${fields.length} header fields`)
    for (const [field, value] of fields) console.log(`  ${field}: ${value}`)
  }
  console.log(`\n${comparison.title}`)
  console.log(
    `${rounds} rounds of ${seconds} s, ${load.tool}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}`,
  )
  if (load.tool === 'autocannon') console.log('autocannon is a smoke test: install wrk for figures')
  console.log(
    '\n| subject | CPU µs a request (lowest to highest) | of that in the system | bare ÷ subject | share of the added CPU | of official | p99 ms | requests/s |',
  )
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
  for (const row of rows) {
    const range = `${row.cpu.toFixed(1)} (${row.lowest.toFixed(1)} to ${row.highest.toFixed(1)})`
    const share = row.shareOfAdded.toFixed(2)
    const whole = row.ofOfficial.toFixed(2)
    const cells = [
      row.subject,
      range,
      row.ofThatSystem.toFixed(1),
      row.ofBare.toFixed(2),
      share,
      whole,
      row.p99.toFixed(1),
    ]
    console.log(`| ${cells.join(' | ')} | ${Math.round(row.requestsPerSecond)} |`)
  }
  const json = JSON.stringify({
    comparison: name,
    title: comparison.title,
    tool: load.tool,
    rounds,
    seconds,
    node: process.versions.node,
    rows,
  })
  if (values.json === undefined) console.log(`\n${json}`)
  else writeFileSync(values.json, `${json}\n`)
}
