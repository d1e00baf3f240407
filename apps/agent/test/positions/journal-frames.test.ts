// Frames of the journal: what a crash may leave of them, and what is damage.
import { describe, expect, it } from 'vitest'
import { decodeFrames, encodeFrame } from '../../src/positions/journal-frames.ts'

const FRAMES = [[{ kind: 'started', at: 1 }], [{ text: 'ä\nline' }, { n: 2 }], [{ last: true }]]
const BYTES = FRAMES.map(encodeFrame)
const ALL = Buffer.concat(BYTES)
const INTACT = BYTES[0]!.length + BYTES[1]!.length

describe('decodeFrames', () => {
  it('gives the facts in their order', () => {
    expect(decodeFrames(ALL, 'j')).toEqual({ facts: FRAMES.flat(), intactBytes: ALL.length })
  })

  it('passes over a last frame that is torn at any byte', () => {
    for (let length = INTACT; length < ALL.length; length++) {
      const torn = decodeFrames(ALL.subarray(0, length), 'j')
      expect(torn).toEqual({ facts: FRAMES.slice(0, 2).flat(), intactBytes: INTACT })
    }
  })

  it('passes over a last frame of which any part is missing or zero', () => {
    for (let at = INTACT; at < ALL.length; at++) {
      const holed = Buffer.from(ALL)
      holed.fill(0, at)
      expect(decodeFrames(holed, 'j').facts).toEqual(FRAMES.slice(0, 2).flat())
    }
  })

  it('names damage at any byte before the last frame', () => {
    for (let at = 0; at < INTACT; at++) {
      const damaged = Buffer.from(ALL)
      damaged[at]! ^= 0x10
      expect(() => decodeFrames(damaged, '/a/journal')).toThrow(/\/a\/journal is damaged at byte \d+/)
    }
  })
})
