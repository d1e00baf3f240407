// Which streams have limits, and how soon a change of them is noticed.
import type { Client, Stream } from 'millrace'
import { describe, expect, it } from 'vitest'
import type { StreamView } from '../../../src/book/stream-view.ts'
import { KnownStream } from '../../../src/records/known-stream.ts'
import { LimitedStreams } from '../../../src/records/limits/limited-streams.ts'

const none = {
  writeBytesPerSecond: 0,
  writeRecordsPerSecond: 0,
  readBytesPerSecond: 0,
  readsPerSecond: 0,
  subscriptionBytesPerSecond: 0,
}
const SHARD = 'shardId-000000000000'

/** Streams at a broker that knows one, with a clock that the test moves. */
function streams(first: Partial<typeof none>) {
  const described = { id: 7, shardLimits: { ...none, ...first } }
  const time = { now: 1000 }
  const asked: string[] = []
  const broker = { fails: false }
  const describeStream = (name: string) => {
    asked.push(name)
    return broker.fails ? Promise.reject(new Error('down')) : Promise.resolve({ ...described } as Stream)
  }
  const limited = new LimitedStreams({ describeStream }, () => time.now)
  const view = { id: 7, name: 'clicks', stream: { ...described } } as StreamView
  const known = new KnownStream({} as Client, view, [])
  return { described, time, asked, broker, of: () => limited.of(known) }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('the limits of streams', () => {
  it('are none for a stream without any, and the broker is not asked before two seconds', () => {
    const { time, asked, of } = streams({})
    expect(of()).toBeUndefined()
    time.now += 1999
    expect(of()).toBeUndefined()
    expect(asked).toEqual([])
  })

  it('are those of now after two seconds, whether they were added, changed or taken away', async () => {
    const { described, time, asked, of } = streams({})
    of()
    described.shardLimits = { ...none, writeRecordsPerSecond: 2 }
    time.now += 2000
    of()
    await settled()
    const takes = () => of()?.shard(SHARD, time.now).takeRecord(1, time.now)
    expect([takes(), takes(), takes()]).toEqual([true, true, false])
    described.shardLimits = none
    time.now += 2000
    of()
    await settled()
    expect(of()).toBeUndefined()
    expect(asked).toEqual(['clicks', 'clicks'])
  })

  it('stay where the broker cannot be asked, and where another stream has the name by now', async () => {
    const { described, time, broker, of } = streams({ readsPerSecond: 5 })
    broker.fails = true
    time.now += 2000
    of()
    await settled()
    time.now += 2000
    of()
    await settled()
    expect(of()).toBeDefined()
    broker.fails = false
    described.id = 8
    described.shardLimits = none
    time.now += 2000
    of()
    await settled()
    expect(of()).toBeDefined()
  })
})
