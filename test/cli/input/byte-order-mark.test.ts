// The byte order mark of an input: taken away once, at the start, in whatever pieces it comes; of another encoding, refused.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { withoutByteOrderMark } from '../../../cli/input/byte-order-mark.ts'

async function read(...chunks: Uint8Array[]): Promise<string> {
  async function* source() {
    await Promise.resolve()
    yield* chunks
  }
  const pieces: Uint8Array[] = []
  for await (const piece of withoutByteOrderMark(source(), 'a.csv')) pieces.push(piece)
  return Buffer.concat(pieces).toString('latin1')
}

const pieces = (bytes: Buffer) => Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))

it.each([
  ['\xef\xbb\xbfid\n', 'id\n'],
  ['\xef\xbb\xbf\n{}', '\n{}'],
  ['\xef\xbb\xbf', ''],
  ['\xef\xbb\xbf\xef\xbb\xbfid', '\xef\xbb\xbfid'],
  ['\xef\xbb', '\xef\xbb'],
  ['\xef\xbbx\xef\xbb\xbf', '\xef\xbbx\xef\xbb\xbf'],
  ['\n\xef\xbb\xbf', '\n\xef\xbb\xbf'],
  ['a', 'a'],
  ['', ''],
  ['\x00\x00a', '\x00\x00a'],
])('withoutByteOrderMark: makes %j into %j, in one piece or in many', async (text, rest) => {
  const bytes = Buffer.from(text, 'latin1')
  expect(await read(bytes)).toBe(rest)
  expect(await read(...pieces(bytes))).toBe(rest)
  expect(await read(Buffer.alloc(0), ...pieces(bytes))).toBe(rest)
})

it.each([
  ['\xff\xfei\0d\0', 'UTF-16'],
  ['\xfe\xff\0i\0d', 'UTF-16'],
  ['\x00\x00\xfe\xff\0\0\0i', 'UTF-32'],
])('withoutByteOrderMark: refuses %j by the name of its encoding', async (text, encoding) => {
  const bytes = Buffer.from(text, 'latin1')
  for (const chunks of [[bytes], pieces(bytes)]) {
    await expect(read(...chunks)).rejects.toThrow(
      `a.csv begins with the byte order mark of ${encoding}, and only UTF-8 is read: ` +
        `convert it with \`iconv -f ${encoding} -t UTF-8\`.`,
    )
  }
})

it('withoutByteOrderMark: leaves every other byte where it was, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(fc.uint8Array()), async (isMarked, rest) => {
      const mark = isMarked ? [Buffer.of(0xef), Buffer.of(0xbb, 0xbf)] : []
      // Behind a letter there is no mark.
      const body = [Buffer.from('x'), ...rest]
      expect(await read(...mark, ...body)).toBe(Buffer.concat(body).toString('latin1'))
    }),
  )
})
