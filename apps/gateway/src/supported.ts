// Read before everything else: what we stand on fails on an older Node in words that do not say why.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`gateway-server needs Node 22.19 or later; this is ${process.versions.node}\n`)
  process.exit(1)
}

export {}
