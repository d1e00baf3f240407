// Compressions, read back by decoders that share no code with what wrote them.
import { gunzipSync as fflateGunzip } from 'fflate'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decompress as zstdDecompress } from '@bokuweb/zstd-wasm'
import { compressions } from '../../src/formats/compressions.ts'
import { makeEncoder } from '../../src/formats/index.ts'
import { sliced } from '../../src/formats/snappy.ts'
import { zstandardFrames } from '../../src/formats/zstd.ts'
import { contentBytes, spoolOf } from '../support/memory-spool.ts'
import { framedSnappyDecoded, hadoopSnappyDecoded } from '../support/snappy-decoder.ts'

const signal = new AbortController().signal

async function* chunksOf(bytes: Uint8Array, size: number) {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

async function gathered(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(Buffer.from(chunk))
  return Buffer.concat(all)
}

const decoders = {
  gzip: (bytes: Buffer) => Buffer.from(fflateGunzip(bytes)),
  snappy: framedSnappyDecoded,
  'hadoop-snappy': hadoopSnappyDecoded,
} as const

/** Records of which some repeat and some do not, so that compressors write literals and copies. */
const payload = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.constant(Buffer.from('{"country":"DE","n":1}'.repeat(40))),
    ),
    {
      maxLength: 40,
    },
  )
  .map((parts) => Buffer.concat(parts))

describe.each(['gzip', 'snappy', 'hadoop-snappy'] as const)('%s', (name) => {
  it('gives back what was compressed, whatever the chunks it came in', async () => {
    await fc.assert(
      fc.asyncProperty(payload, fc.integer({ min: 1, max: 5000 }), async (bytes, size) => {
        const compressed = await gathered(compressions[name].compress(chunksOf(bytes, size)))
        expect(decoders[name](compressed).equals(bytes)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('gives back several megabytes, which no frame and no block holds at once', async () => {
    const bytes = Buffer.from(
      Array.from({ length: 40_000 }, (_, n) => `{"n":${n},"text":"${n * 7919}"}\n`).join(''),
    )
    const large = Buffer.concat([bytes, bytes, bytes])
    const compressed = await gathered(compressions[name].compress(chunksOf(large, 2 ** 18 + 1)))
    expect(decoders[name](compressed).equals(large)).toBe(true)
    expect(compressed.length).toBeLessThan(large.length / 2)
  })
})

describe('all compressions', () => {
  it('give the same bytes for the same bytes, as an object that is written again must have', async () => {
    const bytes = Buffer.from('a record\n'.repeat(100_000))
    for (const { compress } of Object.values(compressions)) {
      const first = await gathered(compress(chunksOf(bytes, 70_000)))
      expect((await gathered(compress(chunksOf(bytes, 70_000)))).equals(first)).toBe(true)
    }
  })

  it('throw what their source throws, and leave nothing that waits', async () => {
    const broken = async function* () {
      yield Buffer.from('one')
      throw new Error('the spool is gone')
    }
    for (const { compress } of Object.values(compressions)) {
      await expect(gathered(compress(broken()))).rejects.toThrow('the spool is gone')
    }
  })
})

describe('zstd', () => {
  it('without the help of Node writes a frame for each megabyte, each of which is whole', async () => {
    const bytes = Buffer.from('0123456789'.repeat(250_000))
    const frames: Buffer[] = []
    for await (const frame of zstandardFrames(chunksOf(bytes, 65_536))) frames.push(Buffer.from(frame))
    expect(frames).toHaveLength(3)
    expect(Buffer.concat(frames.map((frame) => zstdDecompress(frame))).equals(bytes)).toBe(true)
  })

  it('without the help of Node writes an empty frame for nothing', async () => {
    const empty = await gathered(zstandardFrames(chunksOf(Buffer.alloc(0), 1)))
    expect(empty.subarray(0, 4)).toEqual(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))
    expect(zstdDecompress(empty)).toHaveLength(0)
  })
})

describe('sliced', () => {
  it('gives slices of one size, the last smaller, wherever the chunks end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        async (bytes, size, slice) => {
          const slices: Uint8Array[] = []
          for await (const part of sliced(chunksOf(bytes, size), slice)) slices.push(part)
          expect(Buffer.concat(slices).equals(bytes)).toBe(true)
          expect(slices.slice(0, -1).every((part) => part.length === slice)).toBe(true)
          expect(slices.at(-1)?.length ?? 1).toBeGreaterThan(0)
        },
      ),
    )
  })
})

describe('makeEncoder', () => {
  const records = ['{"a":1}', '', '{"a":2}'].map((text) => Buffer.from(text))

  it('writes records one behind the other, each followed by the delimiter, and nothing else', async () => {
    for (const [delimiter, expected] of [
      ['', '{"a":1}{"a":2}'],
      ['\n', '{"a":1}\n\n{"a":2}\n'],
      ['||', '{"a":1}||||{"a":2}||'],
    ] as const) {
      const encoder = makeEncoder({ format: { type: 'raw' }, compression: 'none', delimiter }, Date.now)
      const { content, failed } = await encoder.finish(spoolOf(encoder, records), signal)
      expect((await contentBytes(content)).toString()).toBe(expected)
      expect(failed).toEqual([])
      expect(encoder.extension).toBe('')
    }
  })

  it('compresses the same bytes, and the content can be read again', async () => {
    const encoder = makeEncoder({ format: { type: 'raw' }, compression: 'gzip', delimiter: '\n' }, Date.now)
    const { content } = await encoder.finish(spoolOf(encoder, records, 3), signal)
    expect(encoder.extension).toBe('.gz')
    for (let time = 0; time < 2; time++) {
      expect(Buffer.from(fflateGunzip(await contentBytes(content))).toString()).toBe('{"a":1}\n\n{"a":2}\n')
    }
  })

  it('ends names as Firehose does', () => {
    const ending = (compression: 'gzip' | 'zip' | 'snappy' | 'hadoop-snappy' | 'zstd') =>
      makeEncoder({ format: { type: 'raw' }, compression, delimiter: '' }, Date.now).extension
    expect([
      ending('gzip'),
      ending('zip'),
      ending('snappy'),
      ending('hadoop-snappy'),
      ending('zstd'),
    ]).toEqual(['.gz', '.zip', '.snappy', '.hsnappy', '.zst'])
  })
})
