let act: (() => void) | undefined
let came = false

// Loaded before anything else: what reloads a process ends one that does not listen yet.
process.on('SIGHUP', () => {
  if (act === undefined) came = true
  else act()
})

/** Acts on SIGHUP, and at once where one has come already. */
export function onHangUp(given: () => void): void {
  act = given
  if (came) given()
}
