// Framing against a splitter that could not be plainer, with the bytes cut at every place.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { frame } from '../../src/lines/framing.ts'
import { LinePatterns } from '../../src/lines/line-patterns.ts'
import { RecordEnd } from '../../src/lines/record-end.ts'
import { naiveRecords } from './support/naive-framing.ts'

const RECORD_BYTES_MAX = 1_000_000

/** Texts in which line feeds, record starts and footers are frequent. */
const texts = fc
  .array(fc.constantFrom('\n', '\n', '\r\n', '>', 'end', 'a', ' b', '\0', '\xff', '>x', ''), {
    maxLength: 25,
  })
  .map((parts) => parts.join(''))

const settings = fc.record({
  start: fc.constantFrom(undefined, />/, /> ?x/),
  footer: fc.constantFrom(undefined, /end/, /end|a/),
  keepTerminators: fc.boolean(),
})

it('gives the records of the plain splitter, however much of the bytes is there', () => {
  fc.assert(
    fc.property(texts, settings, fc.boolean(), (text, { start, footer, keepTerminators }, isWhole) => {
      const patterns = new LinePatterns({ multiLineStart: start, footer })
      const rules = {
        recordBytesMax: RECORD_BYTES_MAX,
        truncationTerminator: Buffer.from('\n'),
        keepTerminators,
      }
      for (let length = 0; length <= text.length; length++) {
        const part = text.slice(0, length)
        const framed = frame(Buffer.from(part, 'latin1'), patterns, rules, { recordsMax: 1000, isWhole })
        const wanted = naiveRecords(part, { start, footer, keepTerminators }, isWhole)
        expect(framed.records.map((each) => Buffer.from(each).toString('latin1'))).toEqual(
          wanted.records.map((each) => each.text),
        )
        expect(framed.isEnded).toBe(wanted.isEnded)
        expect(framed.consumed).toBe(wanted.records.at(-1)?.end ?? 0)
      }
    }),
    { numRuns: 2000 },
  )
})

it('goes on where it stopped: pieces of any number of records give the records of the whole', () => {
  fc.assert(
    fc.property(
      texts,
      settings,
      fc.integer({ min: 1, max: 4 }),
      (text, { start, footer, keepTerminators }, recordsMax) => {
        const patterns = new LinePatterns({ multiLineStart: start, footer })
        const rules = {
          recordBytesMax: RECORD_BYTES_MAX,
          truncationTerminator: Buffer.from('\n'),
          keepTerminators,
        }
        const bytes = Buffer.from(text, 'latin1')
        const whole = frame(bytes, patterns, rules, { recordsMax: 1000, isWhole: true })
        const pieces: Uint8Array[] = []
        for (let at = 0, isEnded = false; at < bytes.length && !isEnded;) {
          const piece = frame(bytes.subarray(at), patterns, rules, { recordsMax, isWhole: true })
          expect(piece.consumed > 0 || piece.isEnded).toBe(true)
          pieces.push(...piece.records)
          at += piece.consumed
          isEnded = piece.isEnded
        }
        expect(pieces).toEqual(whole.records)
      },
    ),
    { numRuns: 2000 },
  )
})

it('finds the end of a long record piece by piece where framing finds it in the whole', () => {
  fc.assert(
    fc.property(
      texts,
      settings,
      fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 30 }),
      (text, { start, footer }, sizes) => {
        const patterns = new LinePatterns({ multiLineStart: start, footer })
        const rules = {
          recordBytesMax: RECORD_BYTES_MAX,
          truncationTerminator: Buffer.from('\n'),
          keepTerminators: true,
        }
        const bytes = Buffer.from(text, 'latin1')
        const framed = frame(bytes, patterns, rules, { recordsMax: 1, isWhole: false })
        // A footer in the place of a record is seen by framing before a record is looked for.
        if (framed.consumed === 0 && framed.isEnded) return
        const end = new RecordEnd(patterns)
        let found: number | undefined
        for (let at = 0, piece = 0; at < bytes.length && found === undefined; piece++) {
          const size = sizes[piece] ?? 3
          found = end.take(bytes.subarray(at, at + size))
          at += size
        }
        expect(found ?? 0).toBe(framed.consumed)
      },
    ),
    { numRuns: 5000 },
  )
})
