// Where a source says that it is, while batches are on their way. The reading is a fake.
import type { Client, StreamPosition, StreamRecord } from 'millrace'
import { expect, it } from 'vitest'
import { StreamSource } from '../../../src/run/reading/stream-source.ts'

it('the position is behind the records that were given on, and not behind those that are on their way', async () => {
  const at = (next: number): StreamPosition => ({
    streamId: 1,
    shardsBelow: 1,
    shards: { 'shardId-000000000000': next },
  })
  let position = at(5)
  const onTheWay: StreamPosition[] = []
  const record = { shardId: 'shardId-000000000000', sequenceNumber: 5, arrivalTime: new Date(0) }
  const reading = {
    started: Promise.resolve(),
    millisBehindLatest: 0,
    get position() {
      return position
    },
    async *batches() {
      await new Promise(setImmediate)
      position = at(6)
      onTheWay.push(source.position)
      yield [record as StreamRecord]
    },
  }
  let given = 0
  const source: StreamSource = await StreamSource.open({
    client: { read: () => reading } as unknown as Client,
    stream: 'clicks',
    from: at(5),
    add: () => void given++,
    hasRoom: () => true,
    onUnreadable: () => {},
    onTrimmed: () => {},
    wake: () => {},
    monotonic: () => 0,
    signal: new AbortController().signal,
  })
  await expect.poll(() => given).toBe(1)
  expect(onTheWay).toEqual([at(5)])
  expect(source.position).toEqual(at(6))
})

it('of a range of hash keys, records that expired are told by where the shards begin, and gaps are none', async () => {
  const [shardId, other] = ['shardId-000000000000', 'shardId-000000000001']
  const from: StreamPosition = { streamId: 1, shardsBelow: 1, shards: { [shardId]: 5 } }
  const reading = {
    started: Promise.resolve(),
    millisBehindLatest: 0,
    position: from,
    async *batches() {
      yield await Promise.resolve([{ shardId, sequenceNumber: 20, arrivalTime: new Date(0) } as StreamRecord])
    },
  }
  async function* listShards() {
    yield* await Promise.resolve([
      { shardId, trimHorizon: 12 },
      { shardId: other, trimHorizon: 7 },
    ])
  }
  const trimmed: number[] = []
  let given = 0
  await StreamSource.open({
    client: { read: () => reading, listShards } as unknown as Client,
    stream: 'clicks',
    hashKeys: { from: '0', to: '9' },
    from,
    add: () => void given++,
    hasRoom: () => true,
    onUnreadable: () => {},
    onTrimmed: (records) => trimmed.push(records),
    wake: () => {},
    monotonic: () => 0,
    signal: new AbortController().signal,
  })
  await expect.poll(() => given).toBe(1)
  expect(trimmed).toEqual([7])
})

it('records that expired before they were read are told by their number', async () => {
  const shardId = 'shardId-000000000000'
  const recordAt = (sequenceNumber: number) =>
    ({ shardId, sequenceNumber, arrivalTime: new Date(0) }) as StreamRecord
  const from: StreamPosition = { streamId: 1, shardsBelow: 1, shards: { [shardId]: 5 } }
  const reading = {
    started: Promise.resolve(),
    millisBehindLatest: 0,
    position: from,
    async *batches() {
      yield await Promise.resolve([recordAt(7), recordAt(8)])
      yield [recordAt(9)]
      yield [recordAt(20)]
    },
  }
  const trimmed: number[] = []
  let given = 0
  await StreamSource.open({
    client: { read: () => reading } as unknown as Client,
    stream: 'clicks',
    from,
    add: () => void given++,
    hasRoom: () => true,
    onUnreadable: () => {},
    onTrimmed: (records) => void trimmed.push(records),
    wake: () => {},
    monotonic: () => 0,
    signal: new AbortController().signal,
  })
  await expect.poll(() => given).toBe(3)
  expect(trimmed).toEqual([2, 10])
})
