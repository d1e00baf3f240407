// Tests what operators see of groups: nothing is wider than the screen, the most urgent reason comes first, and sums say what
// is missing in them.
import { describe, expect, it } from 'vitest'
import { displayWidth } from '../../../cli/output/display-width.ts'
import { groupReport, groupTable } from '../../../cli/output/group-report.ts'
import type { GroupDescription, GroupShard } from '../../../client/index.ts'
import { totalsOf } from '../../../client/groups/descriptions.ts'

const pipe = { columns: undefined }
const at = new Date('2026-05-01T12:00:00Z')
const memberId = 'worker-7f9c-12345-a1b2c3d4'

function shard(index: number, fields: Partial<GroupShard> = {}): GroupShard {
  return {
    stream: 'clicks',
    shardId: `shardId-${String(index).padStart(12, '0')}`,
    memberId,
    epoch: 3,
    position: 1200,
    checkpointedAt: at,
    recordsBehind: 0,
    bytesBehind: 0,
    millisBehind: 0,
    recordsPerSecond: 0,
    reason: 'caughtUp',
    detail: 'Everything is processed.',
    ...fields,
  }
}

const behind = {
  recordsBehind: 1204,
  bytesBehind: 131_072,
  millisBehind: 3200,
  recordsPerSecond: 400,
  reason: 'reading',
  detail: 'It reads.',
} as const

const blocked = {
  ...behind,
  reason: 'blocked',
  detail: `Member ${memberId} has stopped at record 1206, 31 s ago: TypeError: the price of a book is no number`,
} as const

const down = {
  recordsBehind: undefined,
  bytesBehind: undefined,
  millisBehind: undefined,
  reason: 'unreachable',
  detail: 'The host of the shard does not answer: it is down, or starting.',
} as const

function group(shards: readonly GroupShard[], fields: Partial<GroupDescription> = {}): GroupDescription {
  const member = { memberId, address: '127.0.0.1:51234', joinedAt: at, renewedMsAgo: 1200, leaseMs: 10_000 }
  return {
    name: 'billing',
    createdAt: at,
    streams: ['clicks'],
    goneStreams: [],
    totals: totalsOf(shards),
    isPaused: false,
    memberCount: 1,
    shardCount: shards.length,
    members: [{ ...member, shards: shards.length }],
    shards,
    ...fields,
  }
}

describe('groupReport', () => {
  it('shows the members, and of each shard its owner, checkpoint, lag and rate', () => {
    const report = groupReport(group([shard(0, behind), shard(1)]), pipe)
    expect(report).toContain('state    running\n')
    expect(report).toContain('behind   1,204 records, 128.0 KiB, the oldest of them 3.2 s old\n')
    expect(report).toMatch(/^worker-7f9c-12345-a1b2c3d4 +127\.0\.0\.1:51234 +2 +8\.8 s of 10 s$/m)
    expect(report).toMatch(/^0 +worker-7f9c-12345-a1b2c3d4 +1200 +1,204 +128\.0 KiB +3\.2 s +400\/s$/m)
    expect(report).toMatch(/^1 +worker-7f9c-12345-a1b2c3d4 +1200 +0 +0 B +0 ms +0\/s$/m)
  })

  it('gives the reasons as sentences, the most urgent first, and shards with the same one together', () => {
    const shards = [shard(0), shard(1, behind), ...[2, 3, 4].map((index) => shard(index)), shard(5, blocked)]
    const [, , , reasons] = groupReport(group(shards), pipe).split('\n\n')
    expect(reasons!.split('\n')).toEqual([
      expect.stringMatching(/^SHARD +REASON$/),
      expect.stringMatching(/^5 +blocked: Member .* has stopped at record 1206, 31 s ago: TypeError/),
      expect.stringMatching(/^1 +reading: It reads\.$/),
      expect.stringMatching(/^0, 2, 3 and 1 more +caughtUp: Everything is processed\.$/),
    ])
  })

  it('says which shards are missing in the sums', () => {
    expect(groupReport(group([shard(0), shard(1, down)]), pipe)).toContain(
      'behind   nothing; and 1 shard whose host is down\n',
    )
  })

  it('names the stream of a shard where the group reads several, and shows no owner of a shard that has none', () => {
    const alone = { memberId: undefined, position: undefined, reason: 'noMember', detail: 'No.' } as const
    const report = groupReport(
      group([shard(3, alone)], {
        streams: ['clicks', 'orders'],
        members: [],
        memberCount: 0,
        isPaused: true,
      }),
      pipe,
    )
    expect(report).toContain('state    paused, no members\n')
    expect(report).not.toContain('MEMBER')
    expect(report).toMatch(/^clicks\/3 +- +- +0 /m)
  })

  it('leaves tables out that have no rows', () => {
    const report = groupReport(group([], { streams: [], members: [], memberCount: 0 }), pipe)
    expect(report.split('\n\n')).toHaveLength(1)
    expect(report).toContain('streams  none\n')
  })

  it.each([40, 80, 120])('is at most %i columns wide on such a screen', (columns) => {
    const shards = [shard(0, blocked), shard(1_000_000, down), shard(2)]
    const lines = groupReport(group(shards, { streams: ['clicks', 'orders'] }), { columns }).split('\n')
    expect(lines.filter((line) => displayWidth(line) > columns)).toEqual([])
  })
})

describe('groupTable', () => {
  it('shows what each group reads, and how many members and shards it has', () => {
    const streams = ['a', 'b', 'c', 'd']
    const table = groupTable([group([shard(0)]), group([], { name: 'audit', isPaused: true, streams })], {
      columns: 80,
    })
    expect(table.split('\n')).toEqual([
      expect.stringMatching(/^NAME +STATE +STREAMS +MEMBERS +SHARDS +CREATED$/),
      expect.stringMatching(/^billing +running +clicks +1 +1 +2026-05-01 12:00:00Z$/),
      expect.stringMatching(/^audit +paused +a, b, c and 1 more +1 +0 +2026-05-01 12:00:00Z$/),
    ])
  })
})
