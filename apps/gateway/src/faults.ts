import type { Mistake } from '@portcullis/kernel'
import type { Code } from './code.ts'
import type { Config } from './config.ts'
import { ConfigError, type ConfigFile, type Fault } from './config-file.ts'
import { isAdded } from './extension.ts'
import { faultInOpenapi, type OpenapiFile } from './openapi-file.ts'

/** The file of API keys, and where its entries begin in `auth.apiKeys.keys`. */
export interface ApiKeys {
  readonly name: string
  readonly file: ConfigFile
  readonly from: number
}

/** Where mistakes may stand. */
export interface Sources {
  readonly path: string
  readonly file: ConfigFile
  readonly keys: ApiKeys | undefined
  readonly openapi: OpenapiFile | undefined
  readonly code: Code
}

type Told = Pick<Mistake, 'path' | 'message' | 'route'>

/** What rooms are told elsewhere in an app that listens itself. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['https.plaintext.port', 'is for apps that listen themselves; write it as listen.plaintextPort'],
  ['https.plaintext.host', 'is for apps that listen themselves: listen.host is the address of all ports; remove it'],
])

/** What becomes of fixes whose value is a secret: no file holds it, nor does a message show it. */
const IN_A_FILE: ReadonlyMap<string, (message: string) => string> = new Map([
  ['gateway.internalToken', (message) => message.replace("'…'", () => "'${file:gateway.key}'")],
  [
    'gateway.internalToken.key',
    (message) =>
      message.replace(/openssl .*/, (made) => `${made} -out gateway.key, and write key: '\${file:gateway.key}'`),
  ],
])

const API_KEY = /^auth\.apiKeys\.keys\[(\d+)\]/

/**
 * As they stand in the file, from its top; those of other files, and of code, after them.
 * @param misplaced paths of what the file says and only code may
 * @param unread files that it names, and that are none
 */
export function faultsIn(
  { path: name, file, keys, openapi, code }: Sources,
  mistakes: readonly Told[],
  misplaced: readonly string[] = [],
  unread: readonly ConfigError[] = [],
): ConfigError {
  const faults: Fault[] = mistakes.map(({ path, message: told }) => {
    const concealed = ELSEWHERE.get(path) ?? file.conceal(keys?.file.conceal(told) ?? told)
    const message = IN_A_FILE.get(path)?.(concealed) ?? concealed
    if (isAdded(code.extension.options, path)) return { file: code.name, path: `options.${path}`, message }
    const inDocument = openapi === undefined ? null : faultInOpenapi(openapi, path, message)
    if (inDocument !== null) return inDocument
    const at = Number(API_KEY.exec(path)?.[1] ?? -1)
    if (keys === undefined || at < keys.from)
      return { ...file.locate(path), path, message: withoutYaml11(message, file.textAt(path)) }
    const within = path.replace(API_KEY, `[${at - keys.from}]`)
    return { ...keys.file.locate(within), file: keys.name, path: within, message }
  })
  const message = 'is no option of a file: only code can give it'
  faults.push(...misplaced.map((path) => ({ ...file.locate(path), path, message })), ...code.faults)
  faults.push(...unread.flatMap((error) => error.faults.map((fault) => ({ file: error.file, ...fault }))))
  const order = ({ file: other, line = 0 }: Fault): number => (other === undefined ? line : 1_000_000 + line)
  return new ConfigError(
    name,
    faults.toSorted((one, other) => order(one) - order(other)),
  )
}

const YAML_1_1: ReadonlyMap<string | undefined, boolean> = new Map([
  ...['yes', 'on', 'y'].map((word) => [word, true] as const),
  ...['no', 'off', 'n'].map((word) => [word, false] as const),
])

/** `auth: no` was a switch once, and looks like one. */
function withoutYaml11(message: string, text: string | undefined): string {
  const meant = YAML_1_1.get(text?.toLowerCase())
  if (meant === undefined || !message.includes('not a string')) return message
  return `is the text '${text}', for YAML 1.2 knows true and false alone; write ${meant}`
}

/**
 * What the rooms refused to boot with, where it stands in the file; any other error as it is.
 * @param error told of policies by their routes
 */
export function located(error: unknown, sources: Sources, { gateway }: Config): unknown {
  const { mistakes, message } = error as Error & { mistakes?: readonly Told[] }
  if (error instanceof Error) error.message = sources.file.conceal(message)
  if (mistakes === undefined || mistakes.length === 0 || gateway === undefined || gateway === false) return error
  const told = new Map<string, Told>()
  for (const { route, path, message: why } of mistakes) {
    const at = gateway.routes.findIndex(({ match: { method = 'GET', path: url } }) => {
      const methods: readonly string[] = [method].flat()
      const [asked, askedUrl] = route?.split(' ') ?? []
      return askedUrl === url && (methods.includes(asked ?? '') || (asked === 'HEAD' && methods.includes('GET')))
    })
    if (at === -1) return error
    const within = `gateway.routes[${at}].policy.${path}`
    told.set(`${within} ${why}`, { path: within, message: why })
  }
  return faultsIn(sources, [...told.values()])
}
