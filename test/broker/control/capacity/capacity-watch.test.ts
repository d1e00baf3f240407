// CapacityWatch over fake hosts: splits and merges streams according to the loads that hosts report.
import { describe, expect, it } from 'vitest'
import type { HotKey } from '../../../../broker/host-contract.ts'
import { createLog } from '../../../../broker/telemetry/log.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import { FakeHosts } from '../support/fake-hosts.ts'
import { settled } from '../support/fake-time.ts'
import { loadTable, type ToldLoad } from '../support/load-table.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { TestController } from '../support/test-controller.ts'

const MINUTE_MS = 60_000
const scaling = { shardsMin: 2, shardsMax: 4, targetBytesPerSecond: 1000, targetRecordsPerSecond: 1000 }
const onDemand = { name: 'clicks', mode: 'on-demand', shardCount: 2, scaling } as const

interface Line {
  readonly component?: string
  readonly level: string
  readonly msg: string
}

/** A controller whose hosts report, for every shard that exists, the rates that the test sets. */
class Scaled {
  readonly hosts = new FakeHosts()
  readonly lines: Line[] = []
  /** Bytes per second of each open shard of stream 1. */
  rateOf: (shardIndex: number) => number = () => 0
  hot: HotKey | null = null
  /** Number of looks that hosts have answered. */
  looks = 0
  test!: TestController
  readonly #counted = new Map<number, number>()
  #countedAt = 0

  static async open(catalog = new MemoryCatalog()): Promise<Scaled> {
    const scaled = new Scaled()
    scaled.hosts.behaviour = () => ({ shardLoads: () => loadTable(scaled.#loads()) })
    const destination = { write: (line: string) => void scaled.lines.push(JSON.parse(line) as Line) }
    const log = createLog({ level: 'info', format: 'json', process: 'test', destination })
    scaled.test = await TestController.open(catalog, { fakeHosts: scaled.hosts, log })
    return scaled
  }

  /** Open shards of the stream, by index. */
  async open(): Promise<number[]> {
    const { shards } = await this.test.ask('listShards', { name: 'clicks', limit: 1000 })
    return shards.filter(({ state }) => state === 'OPEN').map(({ index }) => index)
  }

  said(level: string): string[] {
    return this.lines
      .filter((line) => line.component === 'scaling' && line.level === level)
      .map(({ msg }) => msg)
  }

  async metric(name: string): Promise<string | undefined> {
    const text = await this.test.controller.scrape()
    return text.split('\n').find((line) => line.startsWith(`${name} `))
  }

  /** Only for a single stream, where slot = index + 1. A host counts a shard from the moment it opens it. */
  #loads(): ToldLoad[] {
    this.looks += 1
    const { time } = this.test
    const seconds = (time.elapsed() - this.#countedAt) / 1000
    this.#countedAt = time.elapsed()
    return [...this.hosts.host(1).slots].map((slot) => {
      const [shardIndex, before] = [slot - 1, this.#counted.get(slot)]
      const bytes = before === undefined ? 0 : before + Math.round(this.rateOf(shardIndex) * seconds)
      this.#counted.set(slot, bytes)
      return { streamId: 1, shardIndex, bytes, records: 0, hot: this.hot }
    })
  }
}

describe('CapacityWatch', () => {
  it('splits a stream that is too full, merges it again when it is quiet, and logs both with the figures', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', onDemand)
    scaled.rateOf = (shardIndex) => (shardIndex === 0 ? 1800 : 100)
    await scaled.test.time.advance(3 * MINUTE_MS)
    expect(await scaled.open()).toEqual([1, 2, 3])
    expect(scaled.said('info')).toEqual([
      expect.stringMatching(
        /^split: shardId-000000000000 took 1.8 KiB\/s over 10 s and .* above 1000 B\/s\.$/,
      ),
    ])
    scaled.rateOf = () => 0
    await scaled.test.time.advance(15 * MINUTE_MS)
    expect(await scaled.open()).toHaveLength(2)
    expect(scaled.said('info')[1]).toMatch(/^merge: shardId-\d+ and shardId-\d+ together took no more than/)
    await scaled.test.time.advance(30 * MINUTE_MS)
    expect(scaled.said('info')).toHaveLength(2)
  })

  it('leaves a provisioned stream alone, and scales it from its shards after a switch to on-demand', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', { ...onDemand, mode: 'provisioned' })
    scaled.rateOf = () => 5000
    await scaled.test.time.advance(5 * MINUTE_MS)
    expect(await scaled.open()).toEqual([0, 1])
    await scaled.test.ask('updateStream', { name: 'clicks', mode: 'on-demand' })
    await scaled.test.time.advance(2_000)
    expect(await scaled.open()).toEqual([2, 3, 4, 5])
  })

  it('splits a shard in the middle where its host cannot say where the load divides evenly', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', onDemand)
    let asked = 0
    scaled.hosts.around = (call, _, work) => {
      if (call !== 'balanceOf') return work()
      asked += 1
      throw new MillraceError('internal', 'not this time')
    }
    scaled.rateOf = () => 5000
    await scaled.test.time.advance(MINUTE_MS)
    expect(asked).toBe(2)
    expect(await scaled.open()).toHaveLength(4)
  })

  it('decides on a stream anew, some time after a failed change', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', onDemand)
    scaled.rateOf = () => 1800
    let crashedAt = 0
    scaled.hosts.around = (call, host, work) => {
      if (call !== 'balanceOf' || crashedAt > 0) return work()
      crashedAt = scaled.test.time.elapsed()
      host.crash()
      return new Promise(() => {})
    }
    while (crashedAt === 0) await scaled.test.time.advance(1_000)
    expect(scaled.said('warn')).toEqual(['stream could not be scaled; a later look decides anew'])
    await scaled.test.time.advance(8_000)
    expect(await scaled.open()).toEqual([0, 1])
    await scaled.test.time.advance(4_000)
    expect(await scaled.open()).toEqual([2, 3, 4, 5])
  })

  it('asks hosts no more once the broker stops, and not at all while there is no stream', async () => {
    const scaled = await Scaled.open()
    await scaled.test.time.advance(MINUTE_MS)
    expect(scaled.looks).toBe(0)
    await scaled.test.ask('createStream', onDemand)
    await scaled.test.time.advance(10_000)
    expect(scaled.looks).toBe(5)
    const draining = scaled.test.controller.drain(0)
    await scaled.test.time.advance(MINUTE_MS)
    await draining
    expect(scaled.looks).toBe(5)
    expect(scaled.test.broken).toEqual([])
  })

  it('merges no shards while their host is down: silence is not a low load', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', { ...onDemand, shardCount: 4 })
    await scaled.test.time.advance(9 * MINUTE_MS)
    scaled.hosts.behaviour = () => ({ start: () => new Promise(() => {}) })
    scaled.hosts.host(1).crash()
    await scaled.test.time.advance(20 * MINUTE_MS)
    expect(await scaled.open()).toEqual([0, 1, 2, 3])
  })
})

describe('listShards', () => {
  it('shows the loads of open shards, of provisioned streams too, and none of closed shards', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', { name: 'clicks', shardCount: 1 })
    const list = async () => (await scaled.test.ask('listShards', { name: 'clicks', limit: 10 })).shards
    expect((await list())[0]?.load).toBeUndefined()
    scaled.rateOf = () => 1200
    scaled.hot = { hashKey: `${'0'.repeat(31)}7`, part: 0.355 }
    await scaled.test.time.advance(14_000)
    expect((await list())[0]?.load).toMatchObject({
      bytesPerSecond10s: 1200,
      bytesPerSecond2m: 480,
      bytesPerSecond10m: 24,
      recordsPerSecond10s: 0,
      hotHashKey: new Uint8Array([...Array.from({ length: 15 }, () => 0), 7]),
      hotPercent: 36,
    })
    await scaled.test.ask('splitShard', { name: 'clicks', shardIndex: 0, newStartingHashKeys: [] })
    await scaled.test.time.advance(2_000)
    expect((await list()).map(({ load }) => load?.bytesPerSecond2m)).toEqual([undefined, 240, 240])
  })
})

describe('explainScaling', () => {
  it('says what would be done, also for a provisioned stream, and does nothing', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', { ...onDemand, mode: 'provisioned' })
    scaled.rateOf = () => 1500
    await scaled.test.time.advance(3 * MINUTE_MS)
    const { mode, decisions, ...more } = await scaled.test.ask('explainScaling', { name: 'clicks' })
    expect([mode, more.scaling]).toEqual(['provisioned', scaling])
    expect(decisions.map(({ action, shards }) => [action, ...shards])).toEqual([
      ['split', 0],
      ['split', 1],
    ])
    expect(await scaled.open()).toEqual([0, 1])
  })

  it('gives the reason where nothing is to be done, from the first moment on', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', onDemand)
    const { decisions } = await scaled.test.ask('explainScaling', { name: 'clicks' })
    expect(decisions).toEqual([
      {
        action: 'none',
        shards: [],
        reason:
          'No load is known yet. The stream has its fewest shards, 2. The load of 2 shards is not known.',
      },
    ])
    expect(await scaled.test.outcome('explainScaling', { name: 'other' })).toBe('streamNotFound')
  })
})

describe('HotShards', () => {
  it('counts a shard while it has a hot key, and warns once', async () => {
    const scaled = await Scaled.open()
    await scaled.test.ask('createStream', { name: 'clicks', shardCount: 1, scaling })
    scaled.rateOf = () => 5000
    scaled.hot = { hashKey: `${'0'.repeat(30)}ff`, part: 0.9 }
    await scaled.test.time.advance(5 * MINUTE_MS)
    expect(await scaled.metric('millrace_hot_shards')).toBe('millrace_hot_shards 1')
    expect(scaled.said('warn')).toEqual([
      'shardId-000000000000 of clicks takes more of one hash key alone than a shard is meant to take; ' +
        'a split around that key keeps it from the others',
    ])
    scaled.rateOf = () => 0
    await scaled.test.time.advance(MINUTE_MS)
    await settled()
    expect(await scaled.metric('millrace_hot_shards')).toBe('millrace_hot_shards 0')
  })
})
