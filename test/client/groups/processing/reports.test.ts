// What a member tells of its shards: what is new, all of it where that is asked for, and nothing is left out for want of room.
import { describe, expect, it } from 'vitest'
import { LeasedShard } from '../../../../client/groups/processing/leased-shard.ts'
import { Reports } from '../../../../client/groups/processing/reports.ts'

const from = { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined } as const
const leases = (count: number): readonly LeasedShard[] =>
  Array.from(
    { length: count },
    (_, shardIndex) =>
      new LeasedShard({
        streamId: 1,
        streamName: 's',
        shardIndex,
        epoch: 1,
        isRevoked: false,
        next: 0,
        from,
      }),
  )

/** Tells until there is no more, and returns the shards of each request. */
function told(reports: Reports, shards: readonly LeasedShard[], now: number, isAll = false): number[][] {
  const requests: number[][] = []
  for (let hasMore = true; hasMore;) {
    const next = reports.tell(shards, now, { isAll: isAll && requests.length === 0, reportsMax: 4 })
    requests.push(next.reports.map(({ shardIndex }) => shardIndex))
    hasMore = next.hasMore
  }
  return requests
}

describe('reports', () => {
  it('are told in as many requests as they need, each once', () => {
    const reports = new Reports()
    const shards = leases(10)
    const pages = [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]
    expect(told(reports, shards, 0)).toEqual(pages)
    expect(reports.hasNews(shards, 0)).toBe(false)
    expect(told(reports, shards, 0)).toEqual([[]])
    expect(told(reports, shards, 0, true)).toEqual(pages)
  })

  it('call a handler busy once a call takes a second, so that quick calls are never taken for slow ones', () => {
    const reports = new Reports()
    const [shard] = leases(1)
    const stateAt = (now: number): string | undefined =>
      reports.tell([shard!], now, { isAll: true, reportsMax: 4 }).reports[0]?.state
    shard!.handlingSince = 0
    expect(stateAt(999)).toBe('reading')
    expect(stateAt(1_000)).toBe('handling')
    shard!.handlingSince = 1_500
    expect(stateAt(2_000)).toBe('reading')
  })

  it('tell what changes while others wait for their turn', () => {
    const reports = new Reports()
    const shards = leases(6)
    reports.tell(shards, 0, { isAll: false, reportsMax: 4 })
    shards[0]!.trouble = { state: 'blocked', since: 0, sequenceNumber: 7, detail: 'no' }
    expect(reports.hasNews(shards, 10)).toBe(true)
    expect(told(reports, shards, 10)).toEqual([[0, 4, 5]])
  })
})
