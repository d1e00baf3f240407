// MD5 (RFC 1321) of one padded 64-byte block, for keys that fit into one. Runs anywhere, pure, allocation-free.
// Not for security: it is the hash that Kinesis routes by. `hash-key.test.ts` compares it with node:crypto.

/** The additive constants: floor(2^32 × |sin(i + 1)|). */
const sines = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 0x1_0000_0000))

/** Writes the digest of a padded little-endian block to `out[at…at+3]`, as big-endian words. */
export function md5Block(m: Int32Array, out: Uint32Array, at: number): void {
  let a = 0x67452301
  let b = 0xefcdab89 | 0
  let c = 0x98badcfe | 0
  let d = 0x10325476
  for (let i = 0; i < 16; i += 4) {
    a = turn(b, sum(a, (b & c) | (~b & d), m[i]!, sines[i]!), 7)
    d = turn(a, sum(d, (a & b) | (~a & c), m[i + 1]!, sines[i + 1]!), 12)
    c = turn(d, sum(c, (d & a) | (~d & b), m[i + 2]!, sines[i + 2]!), 17)
    b = turn(c, sum(b, (c & d) | (~c & a), m[i + 3]!, sines[i + 3]!), 22)
  }
  for (let i = 16; i < 32; i += 4) {
    a = turn(b, sum(a, (b & d) | (c & ~d), m[(5 * i + 1) & 15]!, sines[i]!), 5)
    d = turn(a, sum(d, (a & c) | (b & ~c), m[(5 * i + 6) & 15]!, sines[i + 1]!), 9)
    c = turn(d, sum(c, (d & b) | (a & ~b), m[(5 * i + 11) & 15]!, sines[i + 2]!), 14)
    b = turn(c, sum(b, (c & a) | (d & ~a), m[(5 * i + 16) & 15]!, sines[i + 3]!), 20)
  }
  for (let i = 32; i < 48; i += 4) {
    a = turn(b, sum(a, b ^ c ^ d, m[(3 * i + 5) & 15]!, sines[i]!), 4)
    d = turn(a, sum(d, a ^ b ^ c, m[(3 * i + 8) & 15]!, sines[i + 1]!), 11)
    c = turn(d, sum(c, d ^ a ^ b, m[(3 * i + 11) & 15]!, sines[i + 2]!), 16)
    b = turn(c, sum(b, c ^ d ^ a, m[(3 * i + 14) & 15]!, sines[i + 3]!), 23)
  }
  for (let i = 48; i < 64; i += 4) {
    a = turn(b, sum(a, c ^ (b | ~d), m[(7 * i) & 15]!, sines[i]!), 6)
    d = turn(a, sum(d, b ^ (a | ~c), m[(7 * i + 7) & 15]!, sines[i + 1]!), 10)
    c = turn(d, sum(c, a ^ (d | ~b), m[(7 * i + 14) & 15]!, sines[i + 2]!), 15)
    b = turn(c, sum(b, d ^ (c | ~a), m[(7 * i + 21) & 15]!, sines[i + 3]!), 21)
  }
  out[at] = swapBytes((a + 0x67452301) | 0)
  out[at + 1] = swapBytes((b + 0xefcdab89) | 0)
  out[at + 2] = swapBytes((c + 0x98badcfe) | 0)
  out[at + 3] = swapBytes((d + 0x10325476) | 0)
}

/** The sum of four words. Each step is truncated to 32 bits, so that the compiler uses integer arithmetic. */
function sum(a: number, b: number, c: number, d: number): number {
  return (((a + b) | 0) + ((c + d) | 0)) | 0
}

/** Rotates `word` to the left and adds `to`. */
function turn(to: number, word: number, bits: number): number {
  return (to + ((word << bits) | (word >>> (32 - bits)))) | 0
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
