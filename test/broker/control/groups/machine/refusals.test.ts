// Promises of the refusals: each is typed, says what to do, and changes nothing.
import { describe, expect, it } from 'vitest'
import { limits } from '../../../../../protocol/limits.ts'
import type { GroupMessage, JoinMessage } from '../../../../../broker/control/groups/machine/messages.ts'
import { ModelGroup } from './support/model-group.ts'

const join = (
  memberId: string,
  streams: readonly string[] = ['s'],
  more: Partial<JoinMessage> = {},
): JoinMessage => ({
  type: 'join',
  memberId,
  secretHash: memberId,
  streams: streams.map((name) => ({ name, from: { type: 'TRIM_HORIZON', timestamp: undefined } })),
  leaseMs: 10_000,
  address: '',
  life: undefined,
  pins: new Map(),
  ...more,
})

function groupOn(...streams: readonly (readonly [name: string, shards: number])[]): ModelGroup {
  const group = new ModelGroup()
  for (const [name, shards] of streams) group.catalog.create(name, shards)
  return group
}

/** Returns the code of the refusal; `done` if it was none. A refused message changes nothing. */
function codeOf(group: ModelGroup, message: GroupMessage): string {
  const before = group.state
  const { commits } = group
  const [answer] = group.tell([message])
  if (answer?.is !== 'refused') return 'done'
  expect(group.commits).toBe(commits)
  expect(group.state?.members.size).toBe(before?.members.size)
  expect(answer.message).toMatch(/\.$/)
  return answer.code
}

describe('a group refuses', () => {
  it('a member too many', () => {
    const group = groupOn(['s', 1])
    for (let place = 0; place < limits.membersPerGroupMax; place++) group.tell([join(`m${place}`)])
    expect(group.state!.members.size).toBe(limits.membersPerGroupMax)
    expect(codeOf(group, join('one-too-many'))).toBe('limitExceeded')
    expect(codeOf(group, join('m5'))).toBe('done')
  })

  it('a stream too many', () => {
    const names = Array.from({ length: limits.streamsPerGroupMax + 1 }, (_, place) => `s${place}`)
    const group = groupOn(...names.map((name) => [name, 1] as const))
    expect(codeOf(group, join('a', names.slice(1)))).toBe('done')
    expect(codeOf(group, join('b', names.slice(0, 1)))).toBe('limitExceeded')
    expect(codeOf(group, { type: 'leave', memberId: 'a', secretHash: 'a' })).toBe('done')
    const streamId = group.catalog.stream('s0').streamId
    const progress = { streamId, shardsBelow: 1, shards: [{ shardIndex: 0, next: 0 }], from: undefined }
    const save = {
      type: 'saveProgress',
      stream: 's0',
      isPartial: false,
      progress,
      tails: new Map([[0, 0]]),
    } as const
    expect(codeOf(group, save)).toBe('limitExceeded')
  })

  it('more shards than it may have', () => {
    const group = groupOn(['s', limits.shardsPerGroupMax], ['t', 1])
    const pins = new Map([
      ['s', group.catalog.pins('s')],
      ['t', group.catalog.pins('t')],
    ])
    const latest = ['s', 't'].map(
      (name) => ({ name, from: { type: 'LATEST', timestamp: undefined } }) as const,
    )
    expect(codeOf(group, join('a', [], { streams: latest, pins }))).toBe('limitExceeded')
    expect(codeOf(group, join('a', ['s', 't']))).toBe('limitExceeded')
    expect(group.state).toBeUndefined()
  })

  it('a stream that does not exist, and tails of one that was there before', () => {
    const group = groupOn(['s', 1])
    expect(codeOf(group, join('a', ['no']))).toBe('streamNotFound')
    const pins = new Map([['s', group.catalog.pins('s')]])
    group.catalog.delete('s')
    group.catalog.create('s', 1)
    const streams = [{ name: 's', from: { type: 'LATEST', timestamp: undefined } }] as const
    expect(codeOf(group, join('a', [], { streams, pins }))).toBe('unavailable')
  })

  it('everything to a group that does not exist, or to members that it does not have', () => {
    const group = groupOn(['s', 1])
    const to = { type: 'TRIM_HORIZON', timestamp: undefined } as const
    const reset = { type: 'reset', stream: 's', to, pins: undefined, isForced: true } as const
    const claim = { memberId: 'a', secretHash: 'a' }
    const save = { type: 'saveCheckpoints', ...claim, checkpoints: [] } as const
    const sync = { type: 'sync', ...claim, address: '', reports: [], released: [] } as const
    for (const message of [
      reset,
      { type: 'delete', isForced: true },
      { type: 'pause', isPaused: true },
    ] as const) {
      expect(codeOf(group, message)).toBe('groupNotFound')
    }
    for (const message of [{ type: 'renew', ...claim }, sync, save] as const) {
      expect(codeOf(group, message)).toBe('memberNotFound')
    }
    group.tell([join('b')])
    expect(codeOf(group, { type: 'renew', ...claim })).toBe('memberNotFound')
    expect(codeOf(group, { ...reset, stream: 't' })).toBe('streamNotFound')
    expect(codeOf(group, { ...reset, isForced: false })).toBe('groupInUse')
    expect(codeOf(group, { type: 'delete', isForced: false })).toBe('groupInUse')
  })

  it('progress that names a shard twice, shards it does not know, or more than the stream has', () => {
    const group = groupOn(['s', 2])
    const { streamId } = group.catalog.stream('s')
    const save = (shardsBelow: number, ...indexes: readonly number[]): GroupMessage => ({
      type: 'saveProgress',
      stream: 's',
      isPartial: false,
      progress: {
        streamId,
        shardsBelow,
        shards: indexes.map((shardIndex) => ({ shardIndex, next: 0 })),
        from: undefined,
      },
      tails: new Map([
        [0, 0],
        [1, 0],
      ]),
    })
    expect(codeOf(group, save(2, 0, 0, 1))).toBe('invalidCheckpoint')
    expect(codeOf(group, save(1, 0, 1))).toBe('invalidCheckpoint')
    expect(codeOf(group, save(3, 0, 1))).toBe('invalidCheckpoint')
    expect(codeOf(group, { ...save(2, 0, 1), tails: new Map() } as GroupMessage)).toBe('unavailable')
    expect(codeOf(group, save(2, 0, 1))).toBe('done')
    expect(codeOf(group, save(1, 0))).toBe('done')
    expect([...group.state!.streams.get('s')!.leases.keys()]).toEqual([0, 1])
  })
})
