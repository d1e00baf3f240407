// Limits per shard from end to end: a producer that sends five times what a Kinesis shard takes is slowed down to it, by the
// broker's own arrival times, and loses nothing; readers with limits get everything, in the order of each key.
import { describe, expect, test } from 'vitest'
import { createBroker } from '../../../broker/broker.ts'
import { checkDataDirectory } from '../../../broker/storage/integrity.ts'
import { connect } from '../../../client/index.ts'
import { shardLimitPresets } from '../../../client/streams/capacity.ts'
import { parseShardId } from '../../../protocol/shards/shard-id.ts'
import { runClientFollower, runClientSubscriber } from '../../crash/support/client-readers.ts'
import { check, describeViolations } from '../../support/checker/checker.ts'
import { readFully, seeEpoch, shardNameOf } from '../../support/checker/full-read.ts'
import { type FinalRead, History, payloadOf } from '../../support/checker/history.ts'
import { until } from '../../support/checker/progress.ts'
import { randomOf } from '../../support/random.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'

const { kinesis } = shardLimitPresets
const TIMES_THE_LIMIT = 5
const KEYS = 20
const STREAM = 'clicks'
/** Batches are small, because a batch is admitted whole while any of the limit is left. */
const BATCH_RECORDS = 50
const BATCH_BYTES = 100_000

interface Load {
  readonly name: string
  readonly recordBytes: number
  /** Bytes that a record counts against the limit. */
  readonly costOf: number
  readonly perSecond: number
  readonly costOfBatch: number
}

const loads: readonly Load[] = [
  {
    name: 'records',
    recordBytes: 100,
    costOf: 1,
    perSecond: kinesis.writeRecordsPerSecond,
    costOfBatch: BATCH_RECORDS,
  },
  {
    name: 'bytes',
    recordBytes: 10_000,
    costOf: 10_000,
    perSecond: kinesis.writeBytesPerSecond,
    costOfBatch: BATCH_BYTES,
  },
]

describe('a stream with the limits of Kinesis', () => {
  test.concurrent.each(loads)(
    'takes no more $name than that from a producer that sends five times as many, and loses none',
    async (load) => {
      await using directory = await temporaryDirectory()
      const history = new History()
      let finals: FinalRead[]
      {
        await using broker = await createBroker({ dataDir: directory.path })
        await using client = await connect(broker.url)
        await client.createStream(STREAM, { shards: 1, shardLimits: 'kinesis' })
        const stop = new AbortController()
        const reading = { client, stream: STREAM, history, random: randomOf(1), stopped: stop.signal }
        const readers = [
          runClientFollower({ ...reading, name: 'follower' }, true),
          runClientSubscriber({ ...reading, name: 'subscriber' }, true),
        ]
        // All records of five seconds are sent at once.
        const count = Math.round((TIMES_THE_LIMIT * load.perSecond) / load.costOf)
        const producer = await client.producer(STREAM, {
          batchRecords: BATCH_RECORDS,
          batchBytes: BATCH_BYTES,
        })
        const sending = Array.from({ length: count }, async (_, index) => {
          const record = { value: `v.${index}`, partitionKey: `key-${index % KEYS}` }
          const call = history.invoke({ producer: 'p', idempotent: true, records: [record] })
          const { partitionKey } = record
          const data = payloadOf(record.value, load.recordBytes - partitionKey.length)
          const { shardId, sequenceNumber } = await producer.send({ partitionKey, data })
          call.ok(shardNameOf(STREAM, parseShardId(shardId)), [sequenceNumber])
        })
        await Promise.all(sending)
        await until('all readers got everything', () =>
          history.streamReads.every(({ deliveries }) => deliveries.length === count),
        )
        stop.abort()
        await Promise.all(readers)
        expect(await broker.metrics()).toMatch(
          /millrace_refused_batches_total\{[^}]*provisionedThroughputExceeded[^}]*\} [1-9]/,
        )
        // The check reads without limits.
        await client.updateStream(STREAM, { shardLimits: 'none' })
        const port = Number(new URL(broker.url).port)
        await seeEpoch(port, STREAM, history)
        finals = await readFully(port, STREAM)
        for (const final of finals) history.addFinal(final)
        expect(finals.flatMap(({ records }) => records)).toHaveLength(count)
      }
      expect(describeViolations(check(history))).toBe('')
      expect((await checkDataDirectory(directory.path)).problems).toEqual([])
      expect(excessOf(finals[0]!, load)).toBeLessThanOrEqual(0)
    },
  )
})

/**
 * By how much the fullest span of time, however long, is above the limit: above its rate, a second of it saved up, and the
 * one batch that is admitted while anything is left. A batch arrives when it is written, so what was admitted while a slow
 * disk was busy arrives at once; nothing arrives before it in that time, which tells how long it was.
 */
function excessOf({ records }: FinalRead, { costOf, perSecond, costOfBatch }: Load): number {
  let [total, least, most, longestPauseMs] = [0, Infinity, -Infinity, 0]
  let before = records[0]!.arrivalTime
  for (const { arrivalTime } of records) {
    const allowed = (perSecond * arrivalTime) / 1000
    least = Math.min(least, total - allowed)
    total += costOf
    most = Math.max(most, total - allowed - least)
    longestPauseMs = Math.max(longestPauseMs, arrivalTime - before)
    before = arrivalTime
  }
  return most - (perSecond + costOfBatch + (perSecond * longestPauseMs) / 1000)
}
