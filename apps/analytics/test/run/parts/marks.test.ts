// Marks of event time: how far a part has come by them.
import { describe, expect, it } from 'vitest'
import {
  inputTime,
  inShards,
  withMark,
  type PartMarks,
  type UnitMarks,
} from '../../../src/run/parts/marks.ts'

const KEY = 'clicks ts'
const at = (watermark: number | null, isIdle = false): UnitMarks => ({ [KEY]: { watermark, isIdle } })
const all = { units: 2, isTrusted: () => true }

/** What is known after marks: of a unit, in a shard. */
function known(
  marks: readonly (readonly [unit: number, shardId: string, inputs: UnitMarks])[],
  shardIds: readonly string[],
  before: PartMarks = {},
): PartMarks {
  return inShards(
    marks.reduce((so, [unit, shardId, inputs]) => withMark(so, { unit, shardId, inputs }), before),
    shardIds,
  )
}

describe('the time of an input', () => {
  it('is not known until each unit has told it in each shard', () => {
    const some = known(
      [
        [0, 'a', at(10)],
        [1, 'a', at(20)],
        [0, 'b', at(10)],
      ],
      ['a', 'b'],
    )
    expect(inputTime(some, KEY, all)).toBe(undefined)
    expect(inputTime(known([[1, 'b', at(30)]], ['a', 'b'], some), KEY, all)).toBe(10)
  })

  it('is the least of the newest marks of all units and shards', () => {
    const marks = known(
      [
        [0, 'a', at(10)],
        [0, 'a', at(40)],
        [0, 'b', at(15)],
        [1, 'a', at(20)],
        [1, 'b', at(25)],
      ],
      ['a', 'b'],
    )
    expect(inputTime(marks, KEY, all)).toBe(15)
  })

  it('does not go back where a shard is split, and waits for its children', () => {
    const before = known(
      [
        [0, 'a', at(10)],
        [1, 'a', at(20)],
      ],
      ['a'],
    )
    const split = known(
      [
        [0, 'b', at(50)],
        [1, 'b', at(60)],
      ],
      ['b', 'c'],
      before,
    )
    expect(inputTime(split, KEY, all)).toBe(10)
    const both = known(
      [
        [0, 'c', at(40)],
        [1, 'c', at(30)],
      ],
      ['b', 'c'],
      split,
    )
    expect(inputTime(both, KEY, all)).toBe(30)
    expect(inputTime(inShards(both, []), KEY, all)).toBe(30)
    // What was told later of a shard that is read no more may not have come in the ones that follow it.
    expect(inputTime(inShards(both, ['d']), KEY, all)).toBe(30)
  })

  it('does not count a unit to which nothing comes, while it is heard of', () => {
    const marks = known(
      [
        [0, 'a', at(10, true)],
        [1, 'a', at(20)],
      ],
      ['a'],
    )
    expect(inputTime(marks, KEY, all)).toBe(20)
    expect(inputTime(marks, KEY, { units: 2, isTrusted: () => false })).toBe(10)
    const never = known(
      [
        [0, 'a', at(null, true)],
        [1, 'a', at(20)],
      ],
      ['a'],
    )
    expect(inputTime(never, KEY, all)).toBe(20)
    expect(inputTime(never, KEY, { units: 2, isTrusted: () => false })).toBe(undefined)
  })

  it('is the latest where nothing comes to any unit', () => {
    const marks = known(
      [
        [0, 'a', at(null, true)],
        [1, 'a', at(20, true)],
      ],
      ['a'],
    )
    expect(inputTime(marks, KEY, all)).toBe(20)
    expect(
      inputTime(
        known(
          [
            [0, 'a', at(null, true)],
            [1, 'a', at(null, true)],
          ],
          ['a'],
        ),
        KEY,
        all,
      ),
    ).toBe(undefined)
  })
})
