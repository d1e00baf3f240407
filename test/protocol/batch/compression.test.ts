// Codecs give back what they took, and never more than was announced.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codecs, compress, decompress, isCodecAvailable } from '../../../protocol/batch/compression.ts'

const available = codecs.filter(isCodecAvailable)

describe('compression', () => {
  test.each(available)('%s: what was compressed inflates to the same bytes', (codec) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(Buffer.from(bytes).equals(decompress(codec, compress(codec, bytes), bytes.length))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  test('a compression bomb is stopped at the length in the header', () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000))
    expect(() => decompress('gzip', bomb, 1000)).toThrow(expect.objectContaining({ code: 'malformedBatch' }))
  })

  test.each(available)('%s: fewer bytes than announced are malformed', (codec) => {
    const bytes = compress(codec, new Uint8Array(10))
    expect(() => decompress(codec, bytes, 11)).toThrow(expect.objectContaining({ code: 'malformedBatch' }))
  })

  test('bytes that are not compressed are malformed', () => {
    expect(() => decompress('gzip', new Uint8Array(50), 100)).toThrow(
      expect.objectContaining({ code: 'malformedBatch' }),
    )
  })

  test.skipIf(isCodecAvailable('zstd'))('a runtime without zstd says so, and which one has it', () => {
    expect(() => compress('zstd', new Uint8Array(1))).toThrow(
      /has no zstd: Node 22 has it from 22\.15 on.*Use gzip/,
    )
    expect(() => decompress('zstd', new Uint8Array(1), 1)).toThrow(
      expect.objectContaining({
        code: 'codecUnavailable',
        message: expect.stringMatching(/has no zstd: Node 22 has it from 22\.15 on/) as string,
      }),
    )
  })
})
