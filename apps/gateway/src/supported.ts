// Read before everything else: what we stand on fails on an older Node in words that do not say why.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const supported = major === 22 ? minor >= 19 : major === 24 ? minor >= 1 : major > 24
if (!supported) {
  process.stderr.write(`gateway-server needs Node 22.19, 24.1 or later; this is ${process.versions.node}\n`)
  process.exit(1)
}

export {}
