// A thousand shards and a hundred members: what each thing that happens costs, in rows, changes and members told. A cost that
// grows with what has not changed shows here as a count.
import { describe, expect, it } from 'vitest'
import { LargeGroup } from './support/large-group.ts'

const SHARDS = 1_000
const MEMBERS = 100
const SHARE = SHARDS / MEMBERS

const names = (from: number, count: number): readonly string[] =>
  Array.from({ length: count }, (_, place) => `m${String(from + place).padStart(4, '0')}`)

function running(): LargeGroup {
  const group = new LargeGroup(SHARDS)
  group.join(...names(0, MEMBERS))
  group.pass(750)
  group.spent()
  group.assignments.clear()
  return group
}

describe('a group of 1,000 shards and 100 members that start together', () => {
  it('lists each shard once and assigns each once, evenly', () => {
    const group = new LargeGroup(SHARDS)
    group.join(...names(0, MEMBERS))
    const joined = group.spent()
    // A row for each shard and member, and that of the group in each change.
    expect(joined.rows).toBeLessThanOrEqual(SHARDS + MEMBERS + joined.changes)
    expect(joined.changes).toBeLessThanOrEqual(MEMBERS + 6)
    group.pass(750)
    const assigned = group.spent()
    expect(assigned.changes).toBeLessThanOrEqual(6)
    expect(assigned.rows).toBeLessThanOrEqual(SHARDS + assigned.changes)
    expect(assigned.told).toBeLessThanOrEqual(MEMBERS * assigned.changes)
    expect(new Set(group.shares)).toEqual(new Set([SHARE]))
    expect([...group.assignments.values()]).toEqual(Array.from({ length: SHARDS }, () => 1))
  })

  it('costs nothing but renewals while nothing happens: no row, no message, no look at the catalog', () => {
    const group = running()
    group.pass(60_000)
    expect(group.spent()).toEqual({ changes: 0, rows: 0, told: 0, looks: expect.any(Number) as number })
    // A tick asks whether there is a stream to be read again; what is there is not looked at.
    group.tell({ type: 'renew', memberId: 'm0000', secretHash: 'm0000' })
    expect(group.spent().looks).toBe(0)
  })

  it('writes one row for each checkpoint, and nobody is told', () => {
    const group = running()
    group.checkpointAll(7)
    expect(group.spent()).toMatchObject({ changes: MEMBERS, rows: SHARDS, told: 0 })
  })

  it('moves as few shards as there must be to a hundred more, each once', () => {
    const group = running()
    group.join(...names(MEMBERS, MEMBERS))
    group.handOver()
    expect(new Set(group.shares)).toEqual(new Set([SHARE / 2]))
    const moved = [...group.assignments.values()]
    expect([moved.length, Math.max(...moved)]).toEqual([SHARDS / 2, 1])
    const { rows, changes, told } = group.spent()
    // Released, assigned; the members that join; the row of the group.
    expect(rows).toBeLessThanOrEqual(2 * (SHARDS / 2) + MEMBERS + changes)
    // Of each move its two members are told: of the order to release, the release, and the assignment.
    expect(told).toBeLessThanOrEqual(4 * (SHARDS / 2) + MEMBERS)
  })

  it('passes the shards of those that leave to the others, each once', () => {
    const group = running()
    group.leave(...names(0, MEMBERS / 2))
    group.handOver()
    expect(new Set(group.shares)).toEqual(new Set([2 * SHARE]))
    const { rows, changes } = group.spent()
    // What passes to a member that leaves later passes on once more.
    const assigned = [...group.assignments.values()].reduce((sum, times) => sum + times, 0)
    expect(assigned).toBeLessThan(SHARDS)
    expect(rows).toBeLessThanOrEqual(assigned + MEMBERS / 2 + changes)
  })

  it('is the same after a restart of the controller: every lease in its epoch, and no row is written', () => {
    const group = running()
    group.checkpointAll(9)
    group.spent()
    const before = group.epochs
    group.restart()
    group.pass(9_000)
    expect(group.epochs).toEqual(before)
    expect(group.spent()).toMatchObject({ changes: 0, rows: 0, told: 0 })
  })
})
