// Promises of what a host says of positions: where tails are, and how far a position is behind, as of now.
import { describe, expect, it } from 'vitest'
import { FakeSession } from '../support/fake-session.ts'
import { makeBatch, placedShard, startTestHost, STREAM, type TestHost } from '../support/test-host.ts'

/** Appends two batches of two records, a minute apart, and returns when they arrived. */
async function filled(host: TestHost): Promise<{ readonly first: number; readonly second: number }> {
  const session = new FakeSession()
  const append = async (): Promise<number> => {
    const { results } = await host.append(session, makeBatch(['one', 'two']))
    return results[0]!.arrivalTime
  }
  const first = await append()
  host.time.advance(60_000)
  return { first, second: await append() }
}

const asked = (next: number | null, timestamp: number | null = null, shardIndex = 0) => ({
  streamId: STREAM,
  shardIndex,
  next,
  timestamp,
})

describe('a host', () => {
  it('says where tails are, and which shards it does not serve', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    await filled(host)
    const tails = host.engine.backlogs.tailsOf(Float64Array.of(STREAM, 0, STREAM, 1, STREAM, 2, 99, 0))
    expect([...tails]).toEqual([4, 0, -1, -1])
    await host.engine.close()
  })

  it('says what lies between a position and the tail, and when the oldest of it arrived', async () => {
    const host = await startTestHost({ shards: [placedShard(0), placedShard(1)] })
    const { first, second } = await filled(host)
    const requests = [
      asked(0),
      asked(1),
      asked(2),
      asked(4),
      asked(null),
      asked(0, null, 1),
      asked(0, null, 2),
    ]
    const found = await host.engine.backlogs.of(requests)
    expect(found.map(({ records, oldestArrival }) => [records, oldestArrival])).toEqual([
      [4, first],
      [3, first],
      [2, second],
      [0, null],
      [4, first],
      [0, null],
    ])
    const [whole, , half, none] = found
    expect([half!.bytes * 2, none!.bytes]).toEqual([whole!.bytes, 0])
    expect(host.reader.reads).toBe(0)
    await host.engine.close()
  })

  it('finds a position by time', async () => {
    const host = await startTestHost()
    const { first, second } = await filled(host)
    const found = await host.engine.backlogs.of(
      [first, first + 1, second, second + 1].map((time) => asked(null, time)),
    )
    expect(found.map(({ records }) => records)).toEqual([4, 2, 2, 0])
    await host.engine.close()
  })

  it('reads from storage when records arrived that are not cached any more, a few shards at a time', async () => {
    const shards = Array.from({ length: 12 }, (_, shardIndex) => placedShard(shardIndex))
    const host = await startTestHost({ shards, settings: { tailCacheBytes: 0 } })
    for (const { shardIndex } of shards) await host.fill(2, 10, shardIndex)
    const found = await host.engine.backlogs.of(shards.map(({ shardIndex }) => asked(1, null, shardIndex)))
    expect(found.every(({ records, oldestArrival }) => records === 1 && oldestArrival !== null)).toBe(true)
    expect(host.reader.reads).toBe(12)
    expect(host.reader.runningMost).toBe(4)
    await host.engine.close()
  })

  it('begins no more reads after a second, and says the rest', async () => {
    const shards = Array.from({ length: 12 }, (_, shardIndex) => placedShard(shardIndex))
    const host = await startTestHost({ shards, settings: { tailCacheBytes: 0 } })
    for (const { shardIndex } of shards) await host.fill(2, 10, shardIndex)
    host.reader.beforeRead = () => Promise.resolve(host.time.advance(300))
    const found = await host.engine.backlogs.of(shards.map(({ shardIndex }) => asked(0, null, shardIndex)))
    expect(found.map(({ records }) => records)).toEqual(shards.map(() => 2))
    expect(host.reader.reads).toBeLessThan(12)
    expect(found.filter(({ oldestArrival }) => oldestArrival === null)).toHaveLength(12 - host.reader.reads)
    await host.engine.close()
  })

  it('does not know when a record arrived that cannot be read, and says the rest', async () => {
    const host = await startTestHost({ settings: { tailCacheBytes: 0 } })
    await host.fill(3)
    host.reader.corruptFrom = 1
    const found = await host.engine.backlogs.of([asked(1)])
    expect(found).toMatchObject([{ records: 2, oldestArrival: null }])
    await host.engine.close()
  })
})
