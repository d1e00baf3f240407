// What a new assignment means for the shards that a member reads.
import { describe, expect, it } from 'vitest'
import { changesOf, shardKey, type HeldShard } from '../../../../client/groups/membership/assignment.ts'
import type { WireLease } from '../../../../protocol/operations.ts'

const lease = (shardIndex: number, epoch: number, isRevoked = false): WireLease => ({
  streamId: 1,
  streamName: 'clicks',
  shardIndex,
  epoch,
  next: undefined,
  from: { type: 'TRIM_HORIZON', sequenceNumber: undefined, timestamp: undefined },
  isRevoked,
})

const held = (...shards: readonly (readonly [number, number, 'ending'?])[]): Map<string, HeldShard> =>
  new Map(
    shards.map(([shardIndex, epoch, state]) => {
      const shard = { streamId: 1, shardIndex, epoch, isEnding: state === 'ending' }
      return [shardKey(shard), shard]
    }),
  )

const numbers = (shards: readonly { shardIndex: number }[]): number[] =>
  shards.map(({ shardIndex }) => shardIndex)

describe('a new assignment', () => {
  it('begins what is new, revokes what is revoked, and loses what is not listed or has another epoch', () => {
    const leases = [lease(0, 1), lease(1, 2, true), lease(2, 9), lease(4, 3)]
    const changes = changesOf(held([0, 1], [1, 2], [2, 3], [3, 4]), leases, new Map())
    expect(numbers(changes.begin)).toEqual([2, 4])
    expect(numbers(changes.revoke)).toEqual([1])
    expect(numbers(changes.lose)).toEqual([2, 3])
  })

  it('that lists a shard no more whose end is being stored does not say that it is lost; another epoch does', () => {
    const changes = changesOf(held([0, 1, 'ending'], [1, 2, 'ending']), [lease(1, 3)], new Map())
    expect(numbers(changes.lose)).toEqual([1])
  })

  it('that was made before the broker heard of a release does not begin the shard again', () => {
    const finished = new Map([[shardKey({ streamId: 1, shardIndex: 0 }), 5]])
    expect(numbers(changesOf(held(), [lease(0, 5)], finished).begin)).toEqual([])
    expect(numbers(changesOf(held(), [lease(0, 6)], finished).begin)).toEqual([0])
  })
})
