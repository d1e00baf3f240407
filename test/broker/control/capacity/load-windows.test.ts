// LoadWindows: from counters that hosts report at intervals to means over three windows.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  LoadWindows,
  type Lineages,
  type ShardLineage,
} from '../../../../broker/control/capacity/load-windows.ts'
import { OrderedMap } from '../../../../broker/catalog/ordered-map.ts'
import { byIndex } from '../../../support/catalog-rows.ts'
import { loadTable } from '../support/load-table.ts'

const MINUTE_MS = 60_000
const open = (index: number, ...parents: number[]): ShardLineage => ({ index, parents, state: 'OPEN' })
const closed = (index: number, ...parents: number[]): ShardLineage => ({ index, parents, state: 'CLOSED' })
const shard = (shardIndex: number) => ({ streamId: 1, shardIndex })

/** Load windows with a stopwatch and shard counters that the test sets. */
class Watched {
  readonly windows = new LoadWindows()
  nowMs = 1_000_000
  #shards: Lineages = OrderedMap.empty()
  readonly #counters = new Map<number, number>()

  follow(...shards: ShardLineage[]): void {
    this.#shards = byIndex(shards)
    this.windows.follow(1, this.#shards, this.nowMs)
  }

  /** Looks every two seconds while each shard takes so many bytes per second, in records of 100 bytes. */
  load(rates: Readonly<Record<number, number>>, forMs: number, everyMs = 2_000): void {
    for (const until = this.nowMs + forMs; this.nowMs < until;) {
      this.nowMs += everyMs
      for (const [index, rate] of Object.entries(rates)) {
        this.#counters.set(Number(index), (this.#counters.get(Number(index)) ?? 0) + (rate * everyMs) / 1000)
      }
      this.tell()
    }
  }

  tell(): void {
    this.windows.follow(1, this.#shards, this.nowMs)
    const loads = [...this.#counters].map(([index, bytes]) => ({
      ...shard(index),
      bytes,
      records: bytes / 100,
      hot: null,
    }))
    this.windows.observe(loadTable(loads), this.nowMs)
  }

  restartHost(): void {
    for (const index of this.#counters.keys()) this.#counters.set(index, 0)
  }

  /** Bytes per second over 10 s, 2 min and 10 min, rounded. */
  rates(index: number): number[] {
    const { tenSeconds, twoMinutes, tenMinutes } = this.windows.of(shard(index), this.nowMs)!.rates
    return [tenSeconds, twoMinutes, tenMinutes].map(({ bytes }) => Math.round(bytes))
  }

  of(index: number) {
    return this.windows.of(shard(index), this.nowMs)
  }
}

function watched(...shards: ShardLineage[]): Watched {
  const test = new Watched()
  test.follow(...shards)
  test.load(Object.fromEntries(shards.map(({ index }) => [index, 0])), 2_000)
  return test
}

describe('LoadWindows: the rates', () => {
  it('equal the load once it has filled the window, and fall with it', () => {
    const test = watched(open(0))
    test.load({ 0: 600 }, 10_000)
    expect(test.rates(0)).toEqual([600, 200, 10])
    test.load({ 0: 600 }, 10 * MINUTE_MS)
    expect(test.rates(0)).toEqual([600, 600, 600])
    test.load({ 0: 0 }, MINUTE_MS)
    expect(test.rates(0)).toEqual([0, 300, 540])
  })

  it('are within one reading of the true means, however irregularly hosts report', () => {
    const steps = fc.array(fc.record({ rate: fc.nat(10_000), ms: fc.integer({ min: 500, max: 14_000 }) }), {
      minLength: 150,
      maxLength: 200,
    })
    fc.assert(
      fc.property(steps, (told) => {
        const test = watched(open(0))
        for (const { rate, ms } of told) test.load({ 0: rate }, ms, ms)
        const mean = (windowMs: number): number => {
          let [left, bytes] = [windowMs, 0]
          for (const { rate, ms } of told.toReversed()) {
            bytes += (rate * Math.min(ms, left)) / 1000
            left -= Math.min(ms, left)
          }
          return (bytes / windowMs) * 1000
        }
        const knownMs = 2_000 + told.reduce((sum, { ms }) => sum + ms, 0)
        const [ten, two, minutes] = test.rates(0)
        expect(Math.abs(ten! - mean(10_000))).toBeLessThanOrEqual(2_000)
        expect(Math.abs(two! - mean(Math.min(2 * MINUTE_MS, knownMs)))).toBeLessThanOrEqual(2_500)
        expect(Math.abs(minutes! - mean(10 * MINUTE_MS))).toBeLessThanOrEqual(2_500)
      }),
    )
  })

  it('over two minutes are means over the known time, and over half a minute at least', () => {
    const test = watched(open(0))
    test.load({ 0: 900 }, 8_000)
    expect(test.rates(0)[1]).toBe((900 * 8) / 30)
    test.load({ 0: 900 }, 52_000)
    expect(test.rates(0)[1]).toBe(900)
    test.load({ 0: 0 }, MINUTE_MS)
    expect(test.rates(0)[1]).toBe(450)
  })

  it('of children are means over the known time of their parents', () => {
    const test = watched(open(0))
    test.load({ 0: 900 }, 10_000)
    test.follow(closed(0), open(1, 0), open(2, 0))
    test.restartHost()
    expect([1, 2].map((child) => test.rates(child)[1])).toEqual([150, 150])
    test.load({ 1: 600, 2: 300 }, 30_000)
    // Each child has half of the 900 that the parent took for 10 s, and then its own load.
    expect([1, 2].map((child) => test.rates(child)[1])).toEqual(
      [(4500 + 18_000) / 40, (4500 + 9000) / 40].map(Math.round),
    )
  })

  it('of shards that were made before the watch began ignore their parents', () => {
    const test = watched(closed(0), closed(1), open(2, 0), open(3, 0), open(4, 1))
    test.load({ 2: 900, 3: 0, 4: 0 }, 30_000)
    expect(test.of(2)).toMatchObject({ ageMs: Infinity, skewedSplits: 0 })
    expect(test.of(0)).toBeUndefined()
  })

  it('are undefined before a host has reported, and count from its first counters', () => {
    const test = new Watched()
    test.follow(open(0))
    expect(test.of(0)).toBeUndefined()
    test.windows.observe(loadTable([{ ...shard(0), bytes: 1e9, records: 1e6, hot: null }]), test.nowMs)
    expect(test.rates(0)).toEqual([0, 0, 0])
  })

  it('continue over the restart of a host, whose counters begin anew', () => {
    const test = watched(open(0))
    test.load({ 0: 600 }, 10 * MINUTE_MS)
    test.restartHost()
    test.load({ 0: 600 }, 10_000)
    expect(test.rates(0)).toEqual([600, 600, 600])
    expect(test.of(0)!.watchedMs).toBeLessThanOrEqual(10_000)
  })

  it('spread the load of a silent time evenly over it, and the watch begins anew', () => {
    const test = watched(open(0))
    test.load({ 0: 600 }, 10 * MINUTE_MS)
    test.load({ 0: 600 }, 30_000, 30_000)
    expect(test.rates(0)).toEqual([600, 600, 600])
    expect(test.of(0)).toMatchObject({ watchedMs: 0, silentMs: 0 })
  })

  it('ignore reports of shards that are not watched', () => {
    const test = watched(open(0))
    const loads = [{ ...shard(7), bytes: 1, records: 1, hot: null }]
    test.windows.observe(loadTable(loads), test.nowMs)
    expect(test.of(7)).toBeUndefined()
  })
})

describe('LoadWindows: a child', () => {
  it('begins with an equal part of its parent, and continues with its own load', () => {
    const test = watched(open(0))
    test.load({ 0: 600 }, 10 * MINUTE_MS)
    test.follow(closed(0), open(1, 0), open(2, 0))
    expect([test.rates(1), test.rates(2)]).toEqual([
      [300, 300, 300],
      [300, 300, 300],
    ])
    expect(test.of(1)).toMatchObject({ ageMs: 0, watchedMs: 10 * MINUTE_MS + 2_000 })
    test.load({ 1: 600, 2: 0 }, 10_000)
    expect(test.rates(1)).toEqual([600, 325, 305])
    expect(test.rates(2)).toEqual([0, 275, 295])
    expect(test.of(0)).toBeUndefined()
  })

  it('begins with the sum of its parents after a merge', () => {
    const test = watched(open(0), open(1))
    test.load({ 0: 100, 1: 50 }, 10 * MINUTE_MS)
    test.follow(closed(0), closed(1), open(2, 0, 1))
    expect(test.rates(2)).toEqual([150, 150, 150])
    test.load({ 2: 150 }, 20_000)
    expect(test.rates(2)).toEqual([150, 150, 150])
  })

  it('inherits through several changes between two looks', () => {
    const test = watched(open(0))
    test.load({ 0: 800 }, 10 * MINUTE_MS)
    test.follow(
      closed(0),
      closed(1, 0),
      closed(2, 0),
      open(3, 1),
      open(4, 1),
      closed(5, 2),
      open(6, 2),
      open(7, 5),
    )
    expect([3, 4, 6, 7].map((index) => test.rates(index)[0])).toEqual([200, 200, 200, 200])
  })

  it('begins with nothing where its parents were not watched', () => {
    const test = new Watched()
    test.follow(open(8, 3, 4))
    test.load({ 8: 600 }, 10_000)
    expect(test.of(8)).toMatchObject({ ageMs: Infinity, skewedSplits: 0 })
  })
})

describe('LoadWindows: skewed splits', () => {
  const split = (test: Watched, parent: number): void => {
    test.follow(closed(parent), open(parent + 1, parent), open(parent + 2, parent))
  }

  it('are counted along the child that keeps all of the load, and forgotten after an even split', () => {
    const test = watched(open(0))
    test.load({ 0: 600 }, MINUTE_MS)
    for (const [parent, skewed] of [
      [0, 1],
      [2, 2],
      [4, 3],
    ] as const) {
      split(test, parent)
      test.load({ [parent + 1]: 30, [parent + 2]: 600 }, 20_000)
      expect([test.of(parent + 1)!.skewedSplits, test.of(parent + 2)!.skewedSplits]).toEqual([0, skewed])
    }
    split(test, 6)
    test.load({ 7: 300, 8: 300 }, 20_000)
    expect(test.of(8)!.skewedSplits).toBe(0)
  })

  it('do not include even splits whose children are too full again', () => {
    const test = watched(open(0))
    test.load({ 0: 600 }, MINUTE_MS)
    split(test, 0)
    test.load({ 1: 600, 2: 600 }, 20_000)
    expect(test.of(1)!.skewedSplits).toBe(0)
  })
})

describe('LoadWindows: memory', () => {
  it('is freed for removed streams and for closed shards', () => {
    const test = watched(open(0), open(1))
    test.follow(open(0), closed(1))
    expect(test.of(1)).toBeUndefined()
    test.windows.keepStreams(() => false)
    expect(test.of(0)).toBeUndefined()
  })
})
