// The checker of groups finds what it is for: each broken promise in a history that is else in order.
import { describe, expect, it } from 'vitest'
import { historyOf, violationsOf, type StreamLog } from './group-checker.ts'

/** Key k is in shard 0, which was split: its records 3 and 4 are in shard 1. */
const log: StreamLog = {
  records: [
    ...[0, 1, 2].map((number) => ({
      shardId: 's0',
      sequenceNumber: number,
      key: 'k',
      value: String(number),
    })),
    ...[3, 4].map((number) => ({ shardId: 's1', sequenceNumber: number, key: 'k', value: String(number) })),
  ],
  parents: new Map([['s1', ['s0']]]),
}

const a = ['record s0 5 0 10 k 0', 'record s0 5 1 11 k 1', 'saved s0 5 2 12 13']
const b = [
  'record s0 7 2 20 k 2',
  'saved s0 7 3 21 22',
  'record s1 9 3 30 k 3',
  'record s1 9 4 31 k 4',
  'saved s1 9 5 32 33',
]

const found = (linesOfA: readonly string[], linesOfB: readonly string[]): string =>
  violationsOf(
    historyOf([
      { member: 'a', lines: linesOfA },
      { member: 'b', lines: linesOfB },
    ]),
    log,
  ).join('\n')

const changed = (lines: readonly string[], line: string, by: string): readonly string[] =>
  lines.map((each) => (each === line ? by : each))

describe('the checker of groups', () => {
  it('finds nothing where everything is in order, and where what was not checkpointed comes again', () => {
    expect(found(a, b)).toBe('')
    expect(found(a.slice(0, 2), ['record s0 7 0 18 k 0', 'record s0 7 1 19 k 1', ...b])).toBe('')
  })

  it('finds a record that is missing, and one that is passed over', () => {
    expect(found(a, changed(b, 'record s1 9 4 31 k 4', ''))).toContain('4 in s1 was never delivered')
    expect(found(changed(a, 'record s0 5 1 11 k 1', ''), b)).toContain('s0 passes over 1 in epoch 7')
    expect(found(changed(a, 'record s0 5 1 11 k 1', 'record s0 5 2 11 k 2'), b)).toContain('2 follows 0')
  })

  it('finds what comes again below a checkpoint, and checkpoints that fall', () => {
    expect(found(a, ['record s0 7 1 19 k 1', ...b])).toContain('record 1 of s0 comes again in epoch 7')
    expect(found(a, changed(b, 'saved s0 7 3 21 22', 'saved s0 7 1 21 22'))).toContain('falls from 2 to 1')
  })

  it('finds epochs that overlap, or have two members', () => {
    expect(found(changed(a, 'saved s0 5 2 12 13', 'saved s0 5 2 23 24'), b)).toContain('beside a later one')
    expect(found([...a, 'saved s0 7 2 14 15'], b)).toContain('epoch 7 of s0 has members a, b')
  })

  it('finds records of a key out of order, and a child before its parent', () => {
    expect(found(changed(a, 'record s0 5 1 11 k 1', 'record s0 5 1 35 k 1'), b)).toContain('handled after')
    expect(found(a, changed(b, 'record s0 7 2 20 k 2', 'record s0 7 2 34 k 2'))).toContain(
      's1 is delivered before the last record of its parent s0',
    )
  })
})
