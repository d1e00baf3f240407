// Promises of the reasons: each shard says one thing that is true of it, the one to see to first.
import { describe, expect, it } from 'vitest'
import { OrderedMap } from '../../../../../broker/catalog/ordered-map.ts'
import { reasonOf } from '../../../../../broker/control/groups/machine/reasons.ts'
import {
  freeLease,
  type GroupState,
  type GroupStream,
  type Lease,
  type Member,
  type MemberReport,
  type ShardFacts,
} from '../../../../../broker/control/groups/machine/state.ts'

const NOW = 100_000
const shard = (index: number, parents: readonly number[] = []): ShardFacts => ({
  index,
  parents,
  state: 'OPEN',
  startingSequenceNumber: 0,
  endingSequenceNumber: null,
})
const mapOf = <K extends number | string, V>(...entries: [K, V][]): OrderedMap<K, V> =>
  entries.reduce((map, [key, value]) => map.set(key, value), OrderedMap.empty<K, V>())
const member: Member = {
  memberId: 'a',
  number: 1,
  secretHash: '',
  leaseMs: 10_000,
  streams: [{ name: 's', from: { type: 'TRIM_HORIZON', timestamp: undefined } }],
  joinedAt: 0,
  address: '',
  renewedAt: NOW,
  syncedAt: NOW,
  version: 1,
  isSynced: true,
}

interface Given {
  readonly lease?: Partial<Lease>
  readonly report?: Partial<MemberReport>
  readonly recordsBehind?: number | undefined
  readonly members?: readonly Member[]
  readonly isPaused?: boolean
  readonly parent?: Partial<Lease>
  readonly isExpired?: boolean
  readonly graceUntil?: number
}

/** The reason of shard 1, which member a has unless the test says otherwise. */
function reason(given: Given): string {
  const report = given.report && {
    state: 'reading' as const,
    since: NOW - 500,
    sequenceNumber: undefined,
    detail: undefined,
    ...given.report,
  }
  const lease: Lease = { ...freeLease(1, 5), epoch: 2, owner: 'a', ...given.lease, report }
  const parent = given.parent && { ...freeLease(0, 5), ...given.parent }
  const shards = given.isExpired === true ? mapOf([0, shard(0)]) : mapOf([0, shard(0)], [1, shard(1, [0])])
  const stream: GroupStream = {
    name: 's',
    streamId: 1,
    generation: 1,
    from: { type: 'TRIM_HORIZON', timestamp: undefined },
    shardsBelow: 2,
    leases: parent === undefined ? mapOf([1, lease]) : mapOf([0, parent], [1, lease]),
    shards,
    ended: OrderedMap.empty(),
  }
  const members = (given.members ?? [member]).map((each): [string, Member] => [each.memberId, each])
  const state: GroupState = {
    name: 'g',
    createdAt: 0,
    isPaused: given.isPaused ?? false,
    since: 0,
    counter: 2,
    streams: mapOf(['s', stream]),
    members: mapOf(...members),
    joinedAt: 0,
    expiresAt: Infinity,
    lookAt: Infinity,
    graceUntil: given.graceUntil ?? -Infinity,
    gone: OrderedMap.empty(),
    wanted: OrderedMap.empty(),
    isUnsettled: false,
    isListing: false,
    followed: undefined,
  }
  const recordsBehind = 'recordsBehind' in given ? given.recordsBehind : 7
  const { reason: word, detail } = reasonOf({ state, stream, lease, recordsBehind, now: NOW })
  return `${word}: ${detail}`
}

describe('the reason of a shard', () => {
  it('is that everything is processed, or that it is being read', () => {
    expect(reason({ recordsBehind: 0 })).toBe('caughtUp: Everything is processed.')
    expect(reason({})).toBe('reading: Member a reads; not checkpointed yet: 7 records.')
    expect(reason({ report: { state: 'caughtUp' }, recordsBehind: 1 })).toBe(
      'reading: Member a has read everything; not checkpointed yet: 1 record.',
    )
  })

  it('is its handler, where that has had a batch for long', () => {
    expect(reason({ report: { state: 'handling' } })).toMatch(/^reading/)
    expect(reason({ report: { state: 'handling', since: NOW - 30_000, sequenceNumber: 42 } })).toBe(
      'handlerSlow: The handler of member a has had record 42 for 30 s; waiting: 7 records.',
    )
  })

  it('is the trouble that its member tells of', () => {
    expect(reason({ report: { state: 'retrying', sequenceNumber: 9, detail: 'no database' } })).toBe(
      'retrying: Member a has retried record 9 for 1 s: no database',
    )
    expect(reason({ report: { state: 'blocked', sequenceNumber: 9 } })).toMatch(
      /^blocked: Member a has stopped at record 9/,
    )
    const detail = 'loadCheckpoint failed: the database is down'
    expect(reason({ report: { state: 'retrying', detail } })).toBe(
      `retrying: Member a has retried the start of the shard for 1 s: ${detail}`,
    )
    expect(reason({ report: { state: 'throttled' } })).toMatch(/^throttled/)
    expect(reason({ report: { state: 'unreachable' } })).toMatch(/^unreachable: Member a/)
  })

  it('is a host that does not answer', () => {
    expect(reason({ recordsBehind: undefined })).toMatch(/^unreachable: The host of the shard/)
  })

  it('is its parent, and who has that', () => {
    const parent = 'It waits for its parent shardId-000000000000'
    expect(reason({ lease: { owner: undefined }, parent: { owner: 'a' } })).toBe(
      `waitingForParent: ${parent}, which member a has, to be processed to its end.`,
    )
    expect(reason({ lease: { owner: undefined }, parent: {}, members: [] })).toBe(
      `waitingForParent: ${parent}, which no member has, to be processed to its end.`,
    )
  })

  it('is that nobody reads it', () => {
    const lease = { owner: undefined }
    expect(reason({ lease, members: [] })).toBe('noMember: The group has no members.')
    expect(reason({ lease, members: [{ ...member, streams: [] }] })).toBe(
      'noMember: None of 1 member reads stream s.',
    )
    expect(reason({ lease })).toBe('handingOver: It is being assigned to a member.')
  })

  it('is that it passes on, or has expired', () => {
    expect(reason({ lease: { isRevoked: true } })).toBe(
      'handingOver: Member a finishes what it has, and releases the shard for another member.',
    )
    expect(reason({ lease: { isRevoked: true }, isExpired: true })).toBe(
      'handingOver: The shard has expired; member a finishes what it has of it.',
    )
  })

  it('is that the group is paused, before all that a member tells', () => {
    expect(reason({ isPaused: true, report: { state: 'blocked' } })).toBe('paused: The group is paused.')
  })
})
