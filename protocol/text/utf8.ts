// Checks UTF-8 in place and measures its text. Runs anywhere, pure. Written in JavaScript because it is on the append path,
// where a call into Node for each partition key would cost more than the rest of the check.

/**
 * Returns the length of the text in UTF-16 code units, or −1 if the bytes from `from` to `end` are not well-formed UTF-8,
 * that is, have cut or overlong sequences, surrogates, or code points above U+10FFFF.
 */
export function utf8Length(bytes: Uint8Array, from: number, end: number): number {
  let union = 0
  let at = from
  for (; at + 4 <= end; at += 4) union |= bytes[at]! | bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]!
  for (; at < end; at++) union |= bytes[at]!
  return union < 0x80 ? end - from : lengthFrom(bytes, from, end)
}

function lengthFrom(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  let length = 0
  while (at < end) {
    const lead = bytes[at++]!
    length++
    if (lead < 0x80) continue
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
    if (lead < 0xc2 || lead > 0xf4 || at + more > end) return -1
    const second = bytes[at]!
    // The range of the second byte excludes overlong sequences, surrogates, and code points that are too high.
    const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (second < lowest || second > highest) return -1
    for (let i = 1; i < more; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return -1
    at += more
    if (more === 3) length++
  }
  return length
}
