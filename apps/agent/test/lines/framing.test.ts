// Records that are too long, line ends, and patterns that take too long.
import { describe, expect, it } from 'vitest'
import { frame, truncated } from '../../src/lines/framing.ts'
import { LinePatterns } from '../../src/lines/line-patterns.ts'
import { PatternTooSlow } from '../../src/processing/matching-deadline.ts'

const PLAIN = new LinePatterns({})
const LIMITS = { recordsMax: 100, isWhole: false }
const rules = (recordBytesMax: number, keepTerminators = false) => ({
  recordBytesMax,
  truncationTerminator: Buffer.from('\n'),
  keepTerminators,
})
const texts = (records: readonly Uint8Array[]) => records.map((each) => Buffer.from(each).toString())

describe('frame', () => {
  it('keeps the carriage return of a line, and its line feed where the flow wants it', () => {
    const bytes = Buffer.from('one\r\n\r\ntwo\n')
    expect(texts(frame(bytes, PLAIN, rules(100), LIMITS).records)).toEqual(['one\r', '\r', 'two'])
    expect(texts(frame(bytes, PLAIN, rules(100, true), LIMITS).records)).toEqual(['one\r\n', '\r\n', 'two\n'])
  })

  it('cuts a record that is too long, ends it with the terminator, and counts what is dropped', () => {
    const framed = frame(Buffer.from('0123456789\nshort\n'), PLAIN, rules(8), LIMITS)
    expect(texts(framed.records)).toEqual(['0123456\n', 'short'])
    expect(framed).toMatchObject({ droppedBytes: 3, cutRecords: 1, consumed: 17 })
  })

  it('counts a kept line feed as a part of the record', () => {
    expect(frame(Buffer.from('01234567\n'), PLAIN, rules(8), LIMITS).cutRecords).toBe(0)
    expect(frame(Buffer.from('01234567\n'), PLAIN, rules(8, true), LIMITS).cutRecords).toBe(1)
  })

  it('gives views of the bytes, not copies', () => {
    const bytes = Buffer.from('one\ntwo\n')
    for (const record of frame(bytes, PLAIN, rules(8), LIMITS).records)
      expect(record.buffer).toBe(bytes.buffer)
  })

  it('stops a pattern that takes exponential time, and gives no answer', () => {
    // One that V8's engine that never goes back cannot run: a test beside this one may have turned it on for the process.
    const patterns = new LinePatterns({ multiLineStart: /(a+)+\1$/ })
    const bytes = Buffer.from(`first\n${'a'.repeat(60)}!\n`)
    expect(() => frame(bytes, patterns, rules(100), LIMITS)).toThrow(PatternTooSlow)
  })
})

describe('truncated', () => {
  it('leaves no half character of UTF-8 before the terminator', () => {
    for (const character of ['ä', '€', '😀']) {
      const text = Buffer.from(character.repeat(5))
      for (let recordBytesMax = 1; recordBytesMax < text.length; recordBytesMax++) {
        const cut = Buffer.from(truncated(text, rules(recordBytesMax))).toString()
        expect(cut).toMatch(new RegExp(`^(${character})*\n$`, 'u'))
      }
    }
  })

  it('cuts bytes that are no UTF-8 where they are', () => {
    expect(truncated(Buffer.alloc(20, 0x90), rules(11))).toHaveLength(11)
    expect(truncated(Buffer.alloc(20, 0xff), rules(11))).toHaveLength(11)
  })
})
