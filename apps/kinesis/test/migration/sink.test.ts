// The order of an export, with a Kinesis that refuses what the test says.
import type { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PutQueue } from '../../src/migration/export/put-queue.ts'
import { Sink } from '../../src/migration/export/sink.ts'
import type { Patience } from '../../src/migration/patience.ts'

/** Time that only waiting moves. */
function patienceOf(waits: string[] = []): Patience {
  let now = 0
  return {
    monotonic: () => now,
    random: () => 0,
    sleep: async (ms) => {
      now += ms
      await new Promise((resolve) => setImmediate(resolve))
    },
    giveUpAfterMs: 60_000,
    signal: new AbortController().signal,
    onWait: (error) => waits.push(error.message),
  }
}

/** A client that stores what `refuses` lets through, and says what it stored. */
function refusing(refuses: () => boolean | Error) {
  const stored: string[] = []
  const client = {
    send: async ({ input }: PutRecordsCommand) => {
      await new Promise((resolve) => setImmediate(resolve))
      const verdicts = input.Records!.map(() => refuses())
      const failure = verdicts.find((verdict) => verdict instanceof Error)
      if (failure !== undefined) throw failure
      return {
        Records: input.Records!.map(({ PartitionKey, Data }, index) => {
          if (verdicts[index] === true) {
            return { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded.' }
          }
          stored.push(`${PartitionKey} ${Buffer.from(Data!).toString()}`)
          return { SequenceNumber: '1', ShardId: 'shardId-000000000000' }
        }),
      }
    },
  }
  return { client: client as unknown as KinesisClient, stored }
}

function entry(key: string, data: string) {
  return { key, bytes: 10, request: { PartitionKey: key, Data: Buffer.from(data) }, onStored: () => {} }
}

describe('Sink', () => {
  it('stores each record once and each key in order, whatever is refused', async () => {
    const keys = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 })
    const refusals = fc.infiniteStream(fc.boolean())
    await fc.assert(
      fc.asyncProperty(keys, refusals, async (keysOfRecords, verdicts) => {
        const { client, stored } = refusing(() => verdicts.next().value === true)
        const sink = new Sink(client, 'copied', patienceOf())
        for (const [number, key] of keysOfRecords.entries()) await sink.add(entry(key, String(number)))
        await sink.drain()
        const order = (key: string, all: readonly string[]) => all.filter((one) => one.startsWith(`${key} `))
        const given = keysOfRecords.map((key, number) => `${key} ${number}`)
        expect(stored).toHaveLength(given.length)
        for (const key of 'abc') expect(order(key, stored)).toEqual(order(key, given))
      }),
      { numRuns: 50 },
    )
  })

  it('calls again while the service throttles or fails, and ends with an error that will not go away', async () => {
    const errors = [
      Object.assign(new Error('slow down'), { name: 'LimitExceededException' }),
      Object.assign(new Error('broken'), { $metadata: { httpStatusCode: 503 } }),
      Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
    ]
    const waits: string[] = []
    const { client, stored } = refusing(() => errors.shift() ?? false)
    const sink = new Sink(client, 'copied', patienceOf(waits))
    await sink.add(entry('a', '0'))
    await sink.drain()
    expect(stored).toEqual(['a 0'])
    expect(waits).toEqual(['slow down', 'broken', 'reset'])

    const refused = refusing(() => Object.assign(new Error('no'), { name: 'ValidationException' }))
    const other = new Sink(refused.client, 'copied', patienceOf())
    await expect(other.add(entry('a', '0')).then(() => other.drain())).rejects.toThrow('no')
  })

  it('gives up once nothing at all was stored for as long as its patience lasts', async () => {
    const { client } = refusing(() => true)
    const sink = new Sink(client, 'copied', patienceOf())
    await sink.add(entry('a', '0'))
    await expect(sink.drain()).rejects.toThrow('ProvisionedThroughputExceededException: Rate exceeded.')
  })
})

describe('PutQueue', () => {
  it('keeps to the bounds of a request, and lets an entry beyond them go alone', () => {
    const queue = new PutQueue()
    for (const [index, bytes] of [4, 4, 4, 20].entries()) queue.add({ key: String(index), bytes })
    const bounds = { records: 10, bytes: 10 }
    expect(queue.take(bounds).map(({ key }) => key)).toEqual(['0', '1'])
    expect(queue.take(bounds).map(({ key }) => key)).toEqual(['2'])
    expect(queue.take(bounds).map(({ key }) => key)).toEqual(['3'])
    expect(queue.take(bounds)).toEqual([])
    expect(queue.size).toBe(4)
  })
})
