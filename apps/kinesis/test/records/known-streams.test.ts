// The streams that the path of records knows: found once, shared, forgotten in time.
import type { Client, Producer, Shard, Stream } from 'millrace'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StreamBook } from '../../src/book/stream-book.ts'
import { defaultFacts } from '../../src/book/stream-facts.ts'
import type { StreamView } from '../../src/book/stream-view.ts'
import { KinesisError } from '../../src/model/errors.ts'
import { KnownStreams, type KnownStreamCall } from '../../src/records/known-streams.ts'

const MINUTE_MS = 60_000
/** Until then, calls that have found a stream may still use it. */
const SURELY_ANSWERED_MS = MINUTE_MS

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const shard = {
  shardId: 'shardId-000000000000',
  parentShardIds: [],
  createdAt: new Date(0),
} as unknown as Shard

/** A book that knows the streams of the set, and counts how often each was looked up. */
function scene() {
  const streams = new Set(['a', 'b'])
  const looks: string[] = []
  const gone = new Set<string>()
  const book = {
    find: (_call: KnownStreamCall, name: string): Promise<StreamView> => {
      looks.push(name)
      if (!streams.has(name)) return Promise.reject(new KinesisError('ResourceNotFoundException', name))
      const stream = { name, id: looks.length, status: 'ACTIVE' } as unknown as Stream
      return Promise.resolve({ name, id: stream.id, arn: '', status: 'ACTIVE', stream, facts: defaultFacts })
    },
    shards: () => Promise.resolve([shard]),
    facts: () => defaultFacts,
    isGone: ({ name }: Stream) => gone.has(name),
  } as unknown as StreamBook
  const closed: string[] = []
  const client = {
    producer: (name: string) =>
      Promise.resolve({ close: () => Promise.resolve(void closed.push(name)) } as unknown as Producer),
  } as unknown as Client
  const call = (of: Client = client) =>
    ({ operation: 'PutRecord', region: 'r', caller: { client: of } }) as unknown as KnownStreamCall
  return { known: new KnownStreams(book), streams, looks, gone, closed, client, call }
}

describe('the streams that are known', () => {
  it('are looked up once, by any number of calls at once and later', async () => {
    const { known, looks, call } = scene()
    const [one, two] = await Promise.all([known.get(call(), 'a'), known.get(call(), 'a')])
    expect(one).toBe(two)
    // Known streams are given without a turn of waiting.
    expect(known.get(call(), 'a')).toBe(one)
    expect(looks).toEqual(['a'])
  })

  it('are not shared by callers: each writes by its own client', async () => {
    const { known, looks, call } = scene()
    const other = {} as Client
    expect(await known.get(call(), 'a')).not.toBe(await known.get(call(other), 'a'))
    expect(looks).toEqual(['a', 'a'])
  })

  it('are looked up again if they were not found, are deleted, or were refreshed', async () => {
    const { known, streams, looks, gone, call } = scene()
    await expect(known.get(call(), 'c')).rejects.toThrow(KinesisError)
    streams.add('c')
    const first = await known.get(call(), 'c')
    expect(looks).toEqual(['c', 'c'])
    const second = await known.refreshed(call(), first)
    expect(second.view.id).not.toBe(first.view.id)
    // Of several that hold the stale one, only the first has it looked up.
    expect(await known.refreshed(call(), first)).toBe(second)
    expect(looks).toHaveLength(3)
    gone.add('c')
    streams.delete('c')
    await expect(known.get(call(), 'c')).rejects.toThrow(KinesisError)
  })

  it('are forgotten with their producers when nobody has used them for a minute', async () => {
    const { known, looks, closed, call } = scene()
    await (await known.get(call(), 'a')).producer()
    await (await known.get(call(), 'b')).producer()
    await vi.advanceTimersByTimeAsync(MINUTE_MS - 1)
    await known.get(call(), 'b')
    await vi.advanceTimersByTimeAsync(1)
    await known.get(call(), 'a')
    expect(looks).toEqual(['a', 'b', 'a'])
    await vi.advanceTimersByTimeAsync(MINUTE_MS - 1)
    expect(closed).toEqual(['a'])
  })

  it('are a thousand at most, those that were used last', async () => {
    const { known, streams, looks, closed, call } = scene()
    const names = Array.from({ length: 1000 }, (_, i) => `stream-${i}`)
    for (const name of names) streams.add(name)
    for (const name of names) await (await known.get(call(), name)).producer()
    await known.get(call(), 'stream-0')
    await known.get(call(), 'a')
    expect(looks).toHaveLength(1001)
    await known.get(call(), 'stream-0')
    expect(looks).toHaveLength(1001)
    await vi.advanceTimersByTimeAsync(MINUTE_MS - 1)
    expect(closed).toEqual(['stream-1'])
  })

  it('are closed only when calls that have found them before are answered, whatever those have done by then', async () => {
    const { known, closed, call } = scene()
    const stream = await known.get(call(), 'a')
    await stream.producer()
    await known.refreshed(call(), stream)
    await vi.advanceTimersByTimeAsync(0)
    expect(closed).toEqual([])
    await vi.advanceTimersByTimeAsync(SURELY_ANSWERED_MS - 1)
    expect(closed).toEqual(['a'])
    const late = await known.get(call(), 'b')
    await known.refreshed(call(), late)
    await vi.advanceTimersByTimeAsync(0)
    await late.producer()
    await vi.advanceTimersByTimeAsync(SURELY_ANSWERED_MS - 1)
    expect(closed).toEqual(['a', 'b'])
  })

  it('have one producer, and another after it could not be made', async () => {
    const { known, client, call } = scene()
    let attempts = 0
    Object.assign(client, {
      producer: () => (++attempts === 1 ? Promise.reject(new Error('down')) : Promise.resolve({})),
    })
    const stream = await known.get(call(), 'a')
    await expect(stream.producer()).rejects.toThrow('down')
    expect(await stream.producer()).toBe(await stream.producer())
    expect(attempts).toBe(2)
  })
})
