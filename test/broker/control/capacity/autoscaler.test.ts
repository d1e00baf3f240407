// Each rule of the autoscaler, with the reason that it gives.
import { describe, expect, it } from 'vitest'
import {
  decideScaling,
  explainScaling,
  type ScalingInput,
} from '../../../../broker/control/capacity/autoscaler.ts'
import type { ObservedLoad } from '../../../../broker/control/capacity/load-windows.ts'
import type { ScalingShard } from '../../../../broker/control/capacity/scaling-rules.ts'
import { hashKeyToHex } from '../../../../protocol/shards/hash-key.ts'
import { evenRanges } from '../../../../protocol/shards/shard-map.ts'
import { noShardLimits } from '../../../../protocol/structs.ts'

const MiB = 1024 * 1024
const scaling = { shardsMin: 1, shardsMax: 8, targetBytesPerSecond: 4 * MiB, targetRecordsPerSecond: 40_000 }

/** A steady load: MiB per second in records of 1 KiB, for all windows or for each of the three. */
function steady(
  mebibytes: number | readonly [number, number, number],
  more: Partial<ObservedLoad> = {},
): ObservedLoad {
  const windows = typeof mebibytes === 'number' ? [mebibytes, mebibytes, mebibytes] : mebibytes
  const [tenSeconds, twoMinutes, tenMinutes] = windows.map((rate) => ({
    bytes: rate * MiB,
    records: rate * 1024,
  }))
  return {
    rates: { tenSeconds: tenSeconds!, twoMinutes: twoMinutes!, tenMinutes: tenMinutes! },
    hot: null,
    silentMs: 0,
    watchedMs: 3_600_000,
    ageMs: Infinity,
    skewedSplits: 0,
    ...more,
  }
}

/** A stream of even shards with these loads, in the order of their ranges. */
function streamOf(
  loads: readonly (ObservedLoad | undefined)[],
  more: Partial<ScalingInput> = {},
): ScalingInput {
  const shards = evenRanges(loads.length).map((range, index): ScalingShard => ({
    index,
    startingHashKey: hashKeyToHex(range.start),
    endingHashKey: hashKeyToHex(range.end),
    load: loads[index],
  }))
  return { shards, scaling, shardLimits: noShardLimits, ...more }
}

const outline = (input: ScalingInput): string[] =>
  decideScaling(input).map(({ action, shards }) => `${action} ${shards.join()}`)
const reasonsOf = (input: ScalingInput): string[] => explainScaling(input).map(({ reason }) => reason)

describe('decideScaling splits a shard', () => {
  it.each([
    ['when it takes more than the target over 10 s and 2 min', steady([9.1, 6, 3]), ['split 0']],
    ['not for a peak of ten seconds', steady([40, 3.9, 1]), []],
    ['not when the load has gone again', steady([3.9, 9, 9]), []],
    ['not at the target itself', steady(4), []],
    ['not in the 15 seconds after it was made', steady(9, { ageMs: 14_999 }), ['none 0']],
    ['after those', steady(9, { ageMs: 15_000 }), ['split 0']],
    ['not while its host is silent', steady(9, { silentMs: 10_000 }), []],
    ['not before its host has told', undefined, []],
  ])('%s', (_, load, decisions) => {
    expect(outline(streamOf([load]))).toEqual(decisions)
  })

  it('when it takes too many records, however small', () => {
    const few = { bytes: 1000, records: 41_000 }
    const load = { ...steady(0), rates: { tenSeconds: few, twoMinutes: few, tenMinutes: few } }
    expect(outline(streamOf([load]))).toEqual(['split 0'])
    expect(reasonsOf(streamOf([load]))).toEqual([
      'shardId-000000000000 took 41,000 records/s over 10 s and 41,000 records/s over 2 min, above 40,000 records/s.',
    ])
  })

  it('at half of its write limit, where that is lower than the target', () => {
    const shardLimits = { ...noShardLimits, writeBytesPerSecond: MiB }
    expect(outline(streamOf([steady(0.5)], { shardLimits }))).toEqual([])
    expect(outline(streamOf([steady(0.51)], { shardLimits }))).toEqual(['split 0'])
  })

  it('and all others that are too full, the fullest first, up to shardsMax', () => {
    const loads = [steady(5), steady(9), steady(1), steady(7)]
    expect(outline(streamOf(loads))).toEqual(['split 1', 'split 3', 'split 0'])
    expect(outline(streamOf(loads, { scaling: { ...scaling, shardsMax: 6 } }))).toEqual([
      'split 1',
      'split 3',
      'none 0',
    ])
  })
})

describe('decideScaling merges two neighbours', () => {
  const pair = (a: ObservedLoad, b: ObservedLoad = a): ScalingInput => streamOf([a, b])

  it.each([
    [
      'when together they take less than 40 % of the target in all windows',
      pair(steady(0.79)),
      ['merge 0,1'],
    ],
    ['not at 40 %', pair(steady(0.8)), []],
    ['not while one window has more', pair(steady([0, 0, 0.8])), []],
    ['not within ten minutes of their making', pair(steady(0), steady(0, { ageMs: 599_999 })), []],
    ['after those', pair(steady(0), steady(0, { ageMs: 600_000 })), ['merge 0,1']],
    ['not before they were watched for ten minutes', pair(steady(0), steady(0, { watchedMs: 599_999 })), []],
    ['not while the host of one is silent', pair(steady(0), steady(0, { silentMs: 10_000 })), []],
  ])('%s', (_, input, decisions) => {
    expect(outline(input)).toEqual(decisions)
  })

  it('the quietest first, no shard twice, down to shardsMin', () => {
    const loads = [0.7, 0.3, 0.1, 0.2, 0.7, 0.7].map((rate) => steady(rate))
    expect(outline(streamOf(loads))).toEqual(['merge 2,3', 'merge 0,1', 'merge 4,5'])
    const atLeast = { ...scaling, shardsMin: 4 }
    expect(outline(streamOf(loads, { scaling: atLeast }))).toEqual(['merge 2,3', 'merge 0,1'])
    expect(outline(streamOf(loads, { scaling: { ...scaling, shardsMin: 6 } }))).toEqual([])
  })

  it('in the same decision as splits of other shards', () => {
    expect(outline(streamOf([steady(9), steady(0), steady(0)]))).toEqual(['split 0', 'merge 1,2'])
  })
})

describe('decideScaling, with a hot key,', () => {
  const hashKey = '0'.repeat(30) + 'ff'

  it('reports the key and does not split, when the key alone takes more than the target', () => {
    const input = streamOf([steady(9, { hot: { hashKey, part: 0.6 } })])
    expect(outline(input)).toEqual(['hotKey 0'])
    expect(reasonsOf(input)[0]).toBe(
      'shardId-000000000000 took 9 MiB/s over 10 s and 9 MiB/s over 2 min, above 4 MiB/s, 60 % of it of one hash key, 255,' +
        ' which is too much for a shard of its own: a split would not help.' +
        ' Split at that hash key and the next one to keep it from the others.',
    )
  })

  it('splits the shard when its other keys are above the target too', () => {
    expect(outline(streamOf([steady(20, { hot: { hashKey, part: 0.5 } })]))).toEqual(['split 0'])
  })

  it('splits the shard when the key alone is below the target', () => {
    expect(outline(streamOf([steady(9, { hot: { hashKey, part: 0.4 } })]))).toEqual(['split 0'])
  })

  it('reports a shard whose range is that one hash key', () => {
    const one = { index: 5, startingHashKey: hashKey, endingHashKey: hashKey, load: steady(9) }
    expect(outline({ ...streamOf([steady(9)]), shards: [one] })).toEqual(['hotKey 5'])
  })

  it('assumes one after three skewed splits in a row, and waits ever longer before the next', () => {
    const after = (skewedSplits: number, ageMs: number): string[] =>
      outline(streamOf([steady(9, { skewedSplits, ageMs })]))
    expect(after(2, 59_000)).toEqual(['none 0'])
    expect(after(2, 60_000)).toEqual(['split 0'])
    expect(after(3, 239_000)).toEqual(['hotKey 0'])
    expect(after(3, 240_000)).toEqual(['split 0'])
    expect(after(6, 4 * 3_600_000)).toEqual(['hotKey 0'])
  })
})

describe('decideScaling, out of bounds,', () => {
  it('splits the busiest shards up to shardsMin, whatever their load', () => {
    const atLeast = { ...scaling, shardsMin: 4 }
    expect(outline(streamOf([undefined], { scaling: atLeast }))).toEqual(['split 0'])
    expect(outline(streamOf([steady(0), steady(1), steady(2)], { scaling: atLeast }))).toEqual(['split 2'])
    expect(reasonsOf(streamOf([steady(0)], { scaling: atLeast }))).toEqual([
      'The stream has 1 shard, fewer than its bound of 4 at least.',
    ])
  })

  it('merges the quietest shards down to shardsMax, once all loads are known', () => {
    const loads = [steady(5), steady(1), steady(2), steady(5)]
    const atMost = { ...scaling, shardsMax: 3 }
    expect(outline(streamOf(loads, { scaling: atMost }))).toEqual(['merge 1,2'])
    const unknown = streamOf([...loads.slice(1), undefined], { scaling: atMost })
    expect(explainScaling(unknown)).toEqual([
      {
        action: 'none',
        shards: [],
        reason:
          'The stream has 4 shards, more than its bound of 3 at most, but the loads of 1 are not known yet.',
      },
    ])
  })
})

describe('explainScaling, where nothing is to be done,', () => {
  it.each([
    [
      'gives the busiest shard and the quietest neighbours',
      streamOf([steady(3), steady([3.9, 2, 1]), steady(1)]),
      'No shard took more than 4 MiB/s or 40,000 records/s over both 10 s and 2 min; the busiest:' +
        ' shardId-000000000000 took 3 MiB/s over 10 s and 3 MiB/s over 2 min.' +
        ' No two neighbours together took less than 40 % of the target; the least, 123 %.',
    ],
    [
      'tells how long quiet neighbours have to wait',
      streamOf([steady(0.1), steady(0.1, { ageMs: 180_000 })]),
      'No shard took more than 4 MiB/s or 40,000 records/s over both 10 s and 2 min; the busiest:' +
        ' shardId-000000000000 took 102.4 KiB/s over 10 s and 102.4 KiB/s over 2 min.' +
        ' shardId-000000000000 and shardId-000000000001 together took less than 40 % of the target,' +
        ' but have been watched as they are for 3 min only, of 10 min.',
    ],
    [
      'says that the stream has its fewest shards, and what is not known',
      streamOf([undefined]),
      'No load is known yet. The stream has its fewest shards, 1. The load of 1 shard is not known.',
    ],
  ])('%s', (_, input, reason) => {
    expect(explainScaling(input)).toEqual([{ action: 'none', shards: [], reason }])
  })

  it('names every shard that is too full, and what its split waits for', () => {
    const input = streamOf([steady(9), steady(9, { ageMs: 3_000 })], {
      scaling: { ...scaling, shardsMax: 2 },
    })
    expect(reasonsOf(input).slice(0, 2)).toEqual([
      'shardId-000000000000 took 9 MiB/s over 10 s and 9 MiB/s over 2 min, above 4 MiB/s,' +
        ' but the stream has its most shards, 2: raise scaling.shardsMax.',
      'shardId-000000000001 took 9 MiB/s over 10 s and 9 MiB/s over 2 min, above 4 MiB/s,' +
        ' but was made 3 s ago: it is split in 12 s if that lasts.',
    ])
  })
})
