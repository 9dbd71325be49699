/**
 * Refuses members that nobody reads: one that is misspelt would have said something.
 * @param what the function, or what was given to it
 * @throws TypeError
 */
export function mustKnow(what: string, given: object, members: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !members.includes(name))
  if (unknown === undefined) return
  throw new TypeError(`${what} does not know \`${unknown}\`; its members are ${members.join(', ')}`)
}
