// Positions of a flow, as facts come in.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CheckedRange } from '../../src/lines/line-run.ts'
import { FlowPositions } from '../../src/positions/flow-positions.ts'
import { applyFact, factsOfRecords, noRecords } from '../../src/positions/position-facts.ts'

const DAY_MS = 86_400_000

const fingerprint = (text: string) => ({ bytes: text.length, digest: text })
const range = (from: number, to: number, file = '1-1-1'): CheckedRange => ({
  file,
  from,
  to,
  tail: fingerprint(`${to}`),
})
const beginning = (file: string, more = {}) => ({
  known: {
    file,
    path: `/logs/${file}`,
    device: '1',
    inode: '1',
    head: fingerprint(''),
    size: 0,
    modifiedAt: 0,
    ...more,
  },
  offset: 0,
  tail: fingerprint(''),
})

function positionsOn(records = noRecords(), clock = { ms: 0 }): FlowPositions {
  return new FlowPositions({
    name: 'flow',
    records,
    timeToLiveDays: 7,
    now: () => clock.ms,
    append: (facts) => {
      for (const fact of facts) applyFact(records, fact)
      return Promise.resolve()
    },
  })
}

describe('FlowPositions', () => {
  it('moves the offset when what lies before is delivered too, in any order of ranges', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7]),
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }),
        async (some, all) => {
          const records = noRecords()
          const positions = positionsOn(records)
          await positions.known([beginning('1-1-1')])
          for (const index of some) await positions.confirmed(range(index * 10, index * 10 + 10))
          const missing = [0, 1, 2, 3, 4, 5, 6, 7].find((index) => !some.includes(index)) ?? 8
          expect(positions.position('1-1-1')).toMatchObject({ offset: missing * 10 })
          if (missing > 0) expect(positions.position('1-1-1')!.tail).toEqual(fingerprint(`${missing * 10}`))

          const restored = noRecords()
          for (const fact of factsOfRecords('flow', records)) applyFact(restored, fact)
          expect(restored).toEqual(records)
          const later = positionsOn(restored)
          for (const index of all) await later.confirmed(range(index * 10, index * 10 + 10))
          expect(later.position('1-1-1')).toMatchObject({ offset: 80, ahead: [] })
        },
      ),
    )
  })

  it('keeps prepared chunks until all of them is delivered, in the order of their last preparation', async () => {
    const positions = positionsOn()
    await positions.known([beginning('1-1-1'), beginning('1-2-1')])
    const note = { madeAt: 1, seed: 's' }
    await positions.prepared([range(0, 10), range(0, 5, '1-2-1')], { plan: 'first', ...note })
    await positions.prepared(range(10, 20), { plan: 'second', ...note })
    await positions.prepared([range(0, 10), range(0, 5, '1-2-1')], { plan: 'anew', ...note })
    expect(positions.inDoubt().map(({ plan }) => plan)).toEqual(['second', 'anew'])
    expect(positions.taken('1-1-1')).toEqual([range(0, 20)])
    await positions.confirmed(range(0, 10))
    expect(positions.inDoubt().map(({ plan }) => plan)).toEqual(['second', 'anew'])
    await positions.confirmed(range(0, 5, '1-2-1'))
    expect(positions.inDoubt().map(({ plan }) => plan)).toEqual(['second'])
  })

  it('counts what is under way of a file for its copy', async () => {
    const positions = positionsOn()
    await positions.known([beginning('1-1-1')])
    await positions.confirmed(range(0, 10))
    await positions.prepared(range(10, 20), { plan: 1, madeAt: 1, seed: 's' })
    const copy = { ...beginning('1-2-2'), offset: 10, tail: fingerprint('10') }
    await positions.known([beginning('1-1-1', { continuedIn: '1-2-2', isFinished: true }), copy])
    expect(positions.taken('1-2-2')).toEqual([range(0, 20, '1-2-2')])
    expect(positions.delivered('1-2-2').offset).toBe(10)
    await positions.confirmed(range(10, 20))
    expect(positions.delivered('1-2-2').offset).toBe(20)
  })

  it('never gives a name again that has a position', async () => {
    const records = noRecords()
    const positions = positionsOn(records)
    const inode = { device: '1', inode: '7' }
    const names = [positions.newName(inode), positions.newName(inode)]
    await positions.known(names.map((name) => beginning(name)))
    names.push(positionsOn(records).newName(inode))
    expect(new Set(names).size).toBe(3)
  })

  it('forgets files after the time to live, but none that is read or in doubt', async () => {
    const clock = { ms: 0 }
    const positions = positionsOn(noRecords(), clock)
    await positions.known(['read', 'doubt', 'gone', 'young'].map((file) => beginning(`${file}-1`)))
    await positions.prepared(range(0, 5, 'doubt-1'), { plan: 1, madeAt: 0, seed: '' })
    clock.ms = 7 * DAY_MS
    await positions.confirmed(range(0, 5, 'young-1'))
    clock.ms = 7 * DAY_MS + 1
    await positions.forget((file) => file === 'read-1')
    expect(positions.files().map(({ file }) => file)).toEqual(['read-1', 'doubt-1', 'young-1'])
  })
})
