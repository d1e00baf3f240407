// Tests what a reset says before it is done: where each shard goes on, and how many records that is.
import { describe, expect, it } from 'vitest'
import { displayWidth } from '../../../cli/output/display-width.ts'
import { planReset, resetReport } from '../../../cli/output/group-reset.ts'
import type { GroupShard, GroupStart, Shard } from '../../../client/index.ts'

const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`
const shard = (index: number, fields: Partial<Shard> = {}) =>
  ({ shardId: id(index), state: 'OPEN', trimHorizon: 10, tail: 30, ...fields }) as Shard
const progress = (index: number, position: number | undefined, recordsBehind: number | undefined) =>
  ({ stream: 'clicks', shardId: id(index), position, recordsBehind }) as GroupShard

/** Shard 0 is processed to its end, and was split into 1 and 2. */
const shards = [shard(0, { state: 'CLOSED' }), shard(1), shard(2, { trimHorizon: 20 })]
const group = {
  name: 'billing',
  shards: [progress(1, 25, 5), progress(2, undefined, 10), { ...progress(0, 1, 999), stream: 'orders' }],
}
const plan = (to: GroupStart, given = shards) => planReset(group, { stream: 'clicks', to, shards: given })
const report = (to: GroupStart, given = shards) => resetReport(plan(to, given), { columns: undefined })

describe('planReset', () => {
  it('TRIM_HORIZON: each shard goes to its oldest record, those that were processed to their end too', () => {
    expect(plan('TRIM_HORIZON').shards).toEqual([
      { shardId: id(0), position: undefined, recordsBehind: 0, nextPosition: 10, nextRecordsBehind: 20 },
      { shardId: id(1), position: 25, recordsBehind: 5, nextPosition: 10, nextRecordsBehind: 20 },
      { shardId: id(2), position: undefined, recordsBehind: 10, nextPosition: 20, nextRecordsBehind: 10 },
    ])
  })

  it('LATEST: open shards go to their tails, and closed ones are left out', () => {
    expect(
      plan('LATEST').shards.map(({ nextPosition, nextRecordsBehind }) => [nextPosition, nextRecordsBehind]),
    ).toEqual([
      [undefined, 0],
      [30, 0],
      [30, 0],
    ])
  })

  it('knows nothing of a shard whose host is down, nor of a time', () => {
    const down = [shard(1, { tail: undefined, trimHorizon: undefined })]
    for (const planned of [plan('TRIM_HORIZON', down), plan({ atTimestamp: 5 })]) {
      expect(planned.shards.at(-1)).toMatchObject({ nextPosition: undefined, nextRecordsBehind: undefined })
    }
  })
})

describe('resetReport', () => {
  it('sums up how many records are processed again, or left out', () => {
    expect(report('TRIM_HORIZON')).toMatch(
      /\n\nGroup billing goes to TRIM_HORIZON in clicks: 35 records are processed again\.$/,
    )
    expect(report('LATEST')).toMatch(/: 15 records that are not processed yet are left out\.$/)
    expect(report('LATEST', [shard(0)])).toMatch(/in clicks, which changes nothing for now\.$/)
    expect(report('TRIM_HORIZON', [shard(0, { tail: 11 })])).toMatch(/: 1 record is processed again\.$/)
  })

  it('gives no sum where one shard is not known', () => {
    const down = shard(1, { tail: undefined, trimHorizon: undefined })
    expect(report('TRIM_HORIZON', [shard(0), down])).toMatch(/goes to TRIM_HORIZON in clicks\.$/)
    expect(report({ atTimestamp: Date.UTC(2026, 4, 1) })).toMatch(
      /goes to 2026-05-01T00:00:00\.000Z in clicks: what is later is processed again, what is earlier is left out\.$/,
    )
  })

  it('shows twenty shards at most, and stays within the screen', () => {
    const many = Array.from({ length: 25 }, (_, index) => shard(index))
    const lines = resetReport(plan({ atTimestamp: 5 }, many), { columns: 80 }).split('\n')
    expect(lines).toContain('and 5 more shards')
    expect(lines.filter((line) => /^\d+ /.test(line))).toHaveLength(20)
    expect(lines.filter((line) => displayWidth(line) > 80)).toEqual([])
  })
})
