// Exports from a broker to a Kinesis endpoint on another one, both in this process.
import { exportToAws, importFromAws, type ExportTask } from '@millrace/kinesis/migration'
import { connect } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  byKey,
  hastyWorld,
  kinesisRecords,
  makeStream,
  numbersOf,
  recordsOf,
  twoSides,
  type TwoSides,
} from './support/two-sides.ts'

let sides: TwoSides
beforeEach(async () => {
  sides = await twoSides()
})
afterEach(() => sides[Symbol.asyncDispose]())

function run(task: Partial<ExportTask> = {}) {
  const { client, endpoint } = sides
  const signal = new AbortController().signal
  return exportToAws(
    client,
    { endpoint: endpoint.url, from: 'clicks', stream: 'copied', signal, ...task },
    hastyWorld,
  )
}

async function putNumbers(keys: number, from: number, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, number) => number + from)
  const results = await sides.client.putMany(
    'clicks',
    numbers.flatMap((number) =>
      Array.from({ length: keys }, (_, key) => ({ partitionKey: `key-${key}`, data: String(number) })),
    ),
  )
  expect(results.every(({ ok }) => ok)).toBe(true)
}

describe('exportToAws', () => {
  it('copies into a stream that it makes, in the order of each key, and goes on after a stop', async () => {
    const { client, kinesis } = sides
    await client.createStream('clicks', { shards: 3 })
    await putNumbers(7, 0, 20)
    expect(await run()).toEqual({
      records: 140,
      bytes: expect.any(Number) as number,
      isResumed: false,
      isTargetMade: true,
    })
    expect(await run()).toMatchObject({ records: 0, isResumed: true, isTargetMade: false })
    await putNumbers(7, 20, 20)
    expect(await run()).toMatchObject({ records: 140, isResumed: true })
    expect(byKey(await kinesisRecords(kinesis, 'copied'))).toEqual(numbersOf(7, 40))
  })

  it('follows through a split, until it is told to end', async () => {
    const { client, kinesis, endpoint } = sides
    await client.createStream('clicks')
    await makeStream(kinesis, 'copied', 2)
    const stop = new AbortController()
    const work = run({ follow: true, signal: stop.signal })
    await putNumbers(5, 0, 10)
    await client.splitShard('clicks', '0')
    await putNumbers(5, 10, 10)
    await using native = await connect(endpoint.brokerUrl)
    let seen = 0
    for await (const _ of native.read('copied', { follow: true })) if (++seen === 100) break
    stop.abort()
    expect(await work).toMatchObject({ records: 100 })
    expect(byKey(await kinesisRecords(kinesis, 'copied'))).toEqual(numbersOf(5, 20))
  })

  it('keeps empty data, and explicit hash keys; and what was exported can be imported', async () => {
    const { client, endpoint } = sides
    await client.createStream('clicks', { shards: 2 })
    await client.put('clicks', { partitionKey: 'empty', data: '', headers: { kind: 'nothing' } })
    const { shardId } = await client.put('clicks', {
      partitionKey: 'placed',
      data: 'x',
      explicitHashKey: 2n ** 128n - 1n,
    })
    await run()
    const signal = new AbortController().signal
    await importFromAws(client, { endpoint: endpoint.url, stream: 'copied', to: 'back', signal }, hastyWorld)
    const back = await recordsOf(client, 'back')
    expect(byKey(back)).toEqual({ empty: [''], placed: ['x'] })
    expect(back.find(({ partitionKey }) => partitionKey === 'placed')!.shardId).toBe(shardId)
  })

  it('ends with the reason where the other side refuses a record for good', async () => {
    const { client } = sides
    await client.createStream('clicks')
    await client.put('clicks', { partitionKey: 'large', data: Buffer.alloc(2 * 1024 * 1024) })
    await expect(run()).rejects.toMatchObject({ name: 'ValidationException' })
  })
})
