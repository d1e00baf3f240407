// Settings of new and of updated streams, and the messages of refusals.
import { describe, expect, it } from 'vitest'
import { newSettings, updatedSettings } from '../../../../broker/control/streams/stream-settings.ts'
import { limits } from '../../../../protocol/limits.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import type { RequestOf } from '../../../../protocol/operations.ts'
import { settingDefaults } from '../../../../protocol/stream-settings.ts'
import { noShardLimits } from '../../../../protocol/structs.ts'
import { fail } from '../../../support/fail.ts'

type Create = Partial<RequestOf<'createStream'>>
type Update = Partial<RequestOf<'updateStream'>>

const HOUR_MS = 3_600_000
const defaults = { onDemandShards: 4, targetBytesPerSecond: 4_000_000, targetRecordsPerSecond: 40_000 }
const targets = { targetBytesPerSecond: 4_000_000, targetRecordsPerSecond: 40_000 }
const create = (request: Create) =>
  newSettings({ name: 'a', ...request } as RequestOf<'createStream'>, defaults, fail)
const started = (request: Create) => {
  const { shardCount, settings } = create(request)
  return [shardCount, settings.scaling.shardsMin, settings.scaling.shardsMax]
}
const scaling = (some: object) => some as NonNullable<Create['scaling']>

/** Returns the code and the message of a refusal. */
function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (MillraceError.is(error)) return `${error.code}: ${error.message}`
  }
  return 'accepted'
}

describe('newSettings', () => {
  it('gives a stream one shard, no limits, and a retention of a day by default', () => {
    expect(create({})).toEqual({
      shardCount: 1,
      settings: {
        ...settingDefaults,
        mode: 'provisioned',
        retentionMs: limits.retentionMsDefault,
        retentionBytes: 0,
        shardLimits: noShardLimits,
        scaling: { shardsMin: 1, shardsMax: 256, ...targets },
      },
    })
  })

  it('takes what the request says', () => {
    const asked = {
      mode: 'on-demand',
      shardCount: 6,
      retentionMs: 2 * HOUR_MS,
      retentionBytes: 1_000_000,
      shardLimits: { ...noShardLimits, writeBytesPerSecond: 1_048_576 },
      scaling: { shardsMin: 2, shardsMax: 8, targetBytesPerSecond: 1, targetRecordsPerSecond: 2 },
    } as const
    const { shardCount, ...settings } = asked
    expect(create(asked)).toEqual({ shardCount, settings: { ...settingDefaults, ...settings } })
  })

  it.each<[string, Create, number[]]>([
    ['on-demand: as many as the broker is set to', { mode: 'on-demand' }, [4, 4, 256]],
    [
      'on-demand with a count below that: no more at least',
      { mode: 'on-demand', shardCount: 2 },
      [2, 2, 256],
    ],
    ['on-demand with a count above that', { mode: 'on-demand', shardCount: 16 }, [16, 4, 256]],
    ['on-demand with many', { mode: 'on-demand', shardCount: 1000 }, [1000, 4, 1000]],
    ['on-demand with bounds above', { mode: 'on-demand', scaling: scaling({ shardsMin: 8 }) }, [8, 8, 256]],
    [
      'on-demand with bounds far above',
      { mode: 'on-demand', scaling: scaling({ shardsMin: 300 }) },
      [300, 300, 300],
    ],
    ['on-demand with bounds below', { mode: 'on-demand', scaling: scaling({ shardsMax: 3 }) }, [3, 3, 3]],
    ['provisioned with many', { shardCount: 64 }, [64, 4, 256]],
    [
      'provisioned with a bound below its count',
      { shardCount: 9, scaling: scaling({ shardsMax: 3 }) },
      [9, 3, 3],
    ],
  ])('chooses shards and bounds that fit together: %s', (_, request, expected) => {
    expect(started(request)).toEqual(expected)
  })

  it.each<[Create, string]>([
    [{ shardCount: 0 }, 'invalidArgument: A stream needs at least one shard.'],
    [{ shardCount: 4097 }, 'limitExceeded: 4097 shards are above the limit of 4096 for one stream.'],
    [
      { retentionMs: HOUR_MS - 1 },
      'invalidArgument: A retention of 3599999ms is out of bounds: it lies between 1h and 365d.',
    ],
    [
      { mode: 'on-demand', shardCount: 9, scaling: scaling({ shardsMax: 8 }) },
      'invalidArgument: An on-demand stream cannot start with shardCount 9: its bounds are 4 to 8 (scaling.shardsMin and scaling.shardsMax).',
    ],
    [
      { mode: 'on-demand', shardCount: 1, scaling: scaling({ shardsMin: 2 }) },
      'invalidArgument: An on-demand stream cannot start with shardCount 1: its bounds are 2 to 256 (scaling.shardsMin and scaling.shardsMax).',
    ],
    [
      { scaling: scaling({ shardsMin: 5, shardsMax: 4 }) },
      'invalidArgument: scaling.shardsMin, 5, is above scaling.shardsMax, 4: lower the one or raise the other.',
    ],
    [
      { scaling: scaling({ shardsMin: 0 }) },
      'invalidArgument: scaling.shardsMin is 0: a stream keeps at least one open shard.',
    ],
    [
      { scaling: scaling({ shardsMax: 5000 }) },
      'invalidArgument: scaling.shardsMax is 5000: one stream has at most 4096 open shards.',
    ],
    [
      { scaling: scaling({ targetBytesPerSecond: 0 }) },
      'invalidArgument: scaling.targetBytesPerSecond is 0: give the bytes a second that one shard is meant to take.',
    ],
    [
      { scaling: scaling({ targetRecordsPerSecond: 0 }) },
      'invalidArgument: scaling.targetRecordsPerSecond is 0: give the records a second that one shard is meant to take.',
    ],
  ])('refuses %j', (request, words) => {
    expect(refusal(() => create(request))).toBe(words)
  })
})

describe('updatedSettings', () => {
  const { settings } = create({ mode: 'on-demand', retentionBytes: 7 })
  const update = (request: Update) =>
    updatedSettings(settings, { name: 'a', ...request } as RequestOf<'updateStream'>)

  it('keeps what the request leaves out', () => {
    expect(update({})).toEqual(settings)
    expect(update({ scaling: scaling({ shardsMax: 5 }) })).toEqual({
      ...settings,
      scaling: { ...settings.scaling, shardsMax: 5 },
    })
    expect(update({ mode: 'provisioned', retentionBytes: 0 })).toEqual({
      ...settings,
      mode: 'provisioned',
      retentionBytes: 0,
    })
  })

  it.each<Update>([
    { retentionMs: 1 },
    { scaling: scaling({ shardsMin: 257 }) },
    { scaling: scaling({ shardsMax: 3 }) },
    { scaling: scaling({ targetBytesPerSecond: 0 }) },
  ])('refuses an update that makes settings contradict each other: %j', (request) => {
    expect(refusal(() => update(request))).toMatch(/^invalidArgument: /)
  })
})
