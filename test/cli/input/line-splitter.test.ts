// Lines from bytes: whatever the chunks, the same lines, and never a byte changed.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter } from '../../../cli/input/line-splitter.ts'

function split(chunks: readonly Uint8Array[], lineBytesMax = 1 << 20): (Uint8Array | undefined)[] {
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
        const joined = Buffer.concat(lines.map((line) => Buffer.concat([line!, Buffer.from('\n')])))
        expect(joined).toEqual(ended ? input : Buffer.concat([input, Buffer.from('\n')]))
      }),
    )
  })

  it('keeps carriage returns and empty lines: they are data', () => {
    const lines = split([Buffer.from('a\r\n\nb')]).map((line) => Buffer.from(line!).toString())
    expect(lines).toEqual(['a\r', '', 'b'])
  })

  it('reports a line above the limit before it holds much more than the limit, and continues after it', () => {
    const splitter = new LineSplitter({ lineBytesMax: 10 })
    const push = (text: string) =>
      [...splitter.push(Buffer.from(text))].map((line) => (line === undefined ? line : String(line)))
    expect(push('a'.repeat(8))).toEqual([])
    expect(push('a'.repeat(8))).toEqual([undefined])
    expect(push('a'.repeat(100))).toEqual([])
    expect(push('a\nb\nc')).toEqual(['b'])
    expect([...splitter.end()].map(String)).toEqual(['c'])
  })

  it('reports each line above the limit once, wherever it is cut', () => {
    const input = Buffer.from(`one\n${'x'.repeat(25)}\n${'y'.repeat(11)}\ntwo\n${'z'.repeat(10)}\n`)
    const expected = ['one', undefined, undefined, 'two', 'z'.repeat(10)]
    fc.assert(
      fc.property(fc.array(fc.nat({ max: input.length }), { maxLength: 6 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), input.length]
        const chunks = places.slice(1).map((end, index) => input.subarray(places[index], end))
        const lines = split(chunks, 10)
        expect(lines.map((line) => (line === undefined ? line : Buffer.from(line).toString()))).toEqual(
          expected,
        )
      }),
    )
  })
})
