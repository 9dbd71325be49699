import { spawnSync } from 'node:child_process'

/**
 * Whether tests that need something beside npm packages run. Where it is missing they are skipped, and a line says so;
 * with CI set nothing may be missing: they run, and fail.
 * @param name what is needed, as its users call it
 */
export function required(name: string, isThere: boolean): boolean {
  if (isThere || process.env['CI'] !== undefined) return true
  process.stderr.write(`skipped: tests that need ${name}, which is not installed\n`)
  return false
}

/** The same for a program on the path; `args` have it answer and end. */
export function requiredProgram(program: string, ...args: readonly string[]): boolean {
  return required(program, spawnSync(program, args).error === undefined)
}
