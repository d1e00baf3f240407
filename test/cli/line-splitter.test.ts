// Lines from bytes: whatever the chunks, the same lines, and never a byte changed.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter, LineTooLong } from '../../cli/input/line-splitter.ts'

function split(chunks: readonly Uint8Array[], lineBytesMax = 1 << 20): Uint8Array[] {
  const splitter = new LineSplitter({ lineBytesMax })
  return [...chunks.flatMap((chunk) => [...splitter.push(chunk)]), ...splitter.end()]
}

const bytesWithLines = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) => bytes.map((b) => (b % 7 === 0 ? 10 : b)))

describe('LineSplitter', () => {
  it('gives every byte back: lines joined by line feeds are the input, however it was cut', () => {
    fc.assert(
      fc.property(fc.array(bytesWithLines, { maxLength: 8 }), (chunks) => {
        const input = Buffer.concat(chunks)
        const lines = split(chunks)
        const ended = input.at(-1) === 10 || input.length === 0
        const joined = Buffer.concat(lines.map((line) => Buffer.concat([line, Buffer.from('\n')])))
        expect(joined).toEqual(ended ? input : Buffer.concat([input, Buffer.from('\n')]))
      }),
    )
  })

  it('keeps carriage returns and empty lines: they are data', () => {
    const lines = split([Buffer.from('a\r\n\nb')]).map((line) => Buffer.from(line).toString())
    expect(lines).toEqual(['a\r', '', 'b'])
  })

  it('refuses a line above the limit before it holds much more than that', () => {
    const splitter = new LineSplitter({ lineBytesMax: 10 })
    expect([...splitter.push(Buffer.alloc(8, 97))]).toEqual([])
    expect(() => [...splitter.push(Buffer.alloc(8, 97))]).toThrow(LineTooLong)
  })
})
