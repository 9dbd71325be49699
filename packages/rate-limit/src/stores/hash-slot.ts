const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/** The Redis Cluster slot of a hash tag: CRC16 (XMODEM) modulo 16384. Tags are ASCII. */
export function hashSlot(tag: string): number {
  let crc = 0
  for (let i = 0; i < tag.length; i++) {
    crc = ((crc << 8) ^ (table[(crc >> 8) ^ (tag.charCodeAt(i) & 0xff)] as number)) & 0xffff
  }
  return crc & 0x3fff
}
