// Promises of the bookkeeping of documents: whatever overlaps, what is stored is within the limits.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DocumentUsage } from '../../../../broker/control/documents/usage.ts'
import { fail } from '../../../support/fail.ts'

const bounds = { documentsPerKindMax: 3, documentsMax: 5, documentsStoredBytesMax: 100 }

function stored(...documents: readonly [kind: string, name: string, bytes: number][]): DocumentUsage {
  const usage = new DocumentUsage(bounds)
  for (const document of documents) usage.stored(...document)
  return usage
}

describe('room for a document', () => {
  const full = () => stored(['a', '1', 50], ['a', '2', 10], ['a', '3', 10], ['b', '1', 10], ['b', '2', 10])
  test.each([
    ['another of a kind that has its number', 'a', '4', 1, 'the most that a kind has'],
    ['another one above the number of all', 'b', '3', 1, 'its limit'],
    ['a larger one above the bytes of all', 'a', '1', 61, 'All documents together may take 100 bytes'],
  ])('is refused to %s', (_, kind, name, bytes, says) => {
    expect(() => full().reserve(kind, name, bytes, fail)).toThrow(says)
  })

  test('is there for a replacement at the limits, and for another one after a deletion', () => {
    const usage = full()
    usage.reserve('a', '1', 60, fail)()
    usage.stored('b', '2', undefined)
    usage.reserve('b', '3', 20, fail)()
    expect([usage.count, usage.bytes]).toEqual([4, 80])
  })

  test('is taken by a put that is under way, until it is over', () => {
    const usage = stored(['a', '1', 50])
    const release = usage.reserve('b', '1', 50, fail)
    expect(() => usage.reserve('b', '2', 1, fail)).toThrow('All documents')
    release()
    usage.reserve('b', '2', 1, fail)()
    expect(usage.has('b', '2')).toBe(false)
  })

  test('of a document that is being replaced is not given to another one before that is stored', () => {
    const usage = stored(['a', '1', 100])
    const release = usage.reserve('a', '1', 1, fail)
    expect(() => usage.reserve('a', '2', 50, fail)).toThrow('All documents')
    usage.stored('a', '1', 1)
    release()
    usage.reserve('a', '2', 50, fail)()
  })
})

test('documents stay within the limits, however puts and deletions overlap', () => {
  const step = fc.record({
    kind: fc.constantFrom('a', 'b'),
    name: fc.constantFrom('1', '2', '3', '4'),
    bytes: fc.integer({ min: 1, max: 60 }),
    does: fc.constantFrom('put', 'delete', 'settle', 'refuse'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const usage = new DocumentUsage(bounds)
      const model = new Map<string, number>()
      const underWay: { kind: string; name: string; bytes: number; release: () => void }[] = []
      for (const { kind, name, bytes, does } of steps) {
        if (does === 'put') {
          try {
            underWay.push({ kind, name, bytes, release: usage.reserve(kind, name, bytes, fail) })
          } catch {
            // Refused.
          }
        } else if (does === 'delete') {
          expect(usage.stored(kind, name, undefined)).toBe(model.delete(`${kind} ${name}`))
        } else {
          const put = underWay.shift()
          if (put === undefined) continue
          if (does === 'settle') {
            expect(usage.stored(put.kind, put.name, put.bytes)).toBe(model.has(`${put.kind} ${put.name}`))
            model.set(`${put.kind} ${put.name}`, put.bytes)
          }
          put.release()
        }
        const sizes = [...model.values()]
        const sum = sizes.reduce((total, size) => total + size, 0)
        expect([usage.count, usage.bytes]).toEqual([sizes.length, sum])
        expect(sum).toBeLessThanOrEqual(bounds.documentsStoredBytesMax)
        expect(sizes.length).toBeLessThanOrEqual(bounds.documentsMax)
        const ofA = [...model.keys()].filter((key) => key.startsWith('a '))
        expect(ofA.length).toBeLessThanOrEqual(bounds.documentsPerKindMax)
      }
      // Nothing that is over takes room: all of it can be filled.
      for (const { release } of underWay) release()
      for (const key of model.keys()) {
        const [kind, name] = key.split(' ') as [string, string]
        usage.stored(kind, name, undefined)
      }
      expect([usage.count, usage.bytes]).toEqual([0, 0])
      usage.reserve('a', '1', bounds.documentsStoredBytesMax, fail)()
    }),
  )
})
