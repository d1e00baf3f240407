// The run of a shard towards its group: what its last call says, by which the group takes a shard that has ended for processed.
import type { BatchContext } from 'millrace'
import { expect, it } from 'vitest'
import type { PackableRecord } from '../../src/events/kinesis-batch.ts'
import type { InvocationResult } from '../../src/invocation.ts'
import { ShardRun } from '../../src/mapping/shard-run.ts'
import { MappingMeter } from '../../src/reports/mapping-meter.ts'
import { plainRules } from './simulated-shard.ts'

const NOW = 1_750_000_000_000
const RECORDS = 8

/** A run whose calls the test ends, one after the other, and the lease of its shard. */
function heldRun() {
  const calls: (() => void)[] = []
  const [closing, lost] = [new AbortController(), new AbortController()]
  const checkpoints: number[] = []
  const run = new ShardRun({
    functionName: 'held',
    rules: { ...plainRules, batchSize: 4 },
    reportsItemFailures: false,
    filter: undefined,
    source: {
      shardId: 'shardId-000000000000',
      shardIndex: 0,
      shardCreatedAt: NOW,
      region: 'us-east-1',
      eventSourceArn: 'arn',
      invokeIdentityArn: 'arn',
    },
    streamArn: 'arn',
    functionArn: 'arn',
    invoker: {
      invoke: () =>
        new Promise<InvocationResult>((resolve) => {
          calls.push(() => resolve({ ok: true, payload: null, requestId: 'r', durationMs: 1 }))
        }),
    },
    progress: undefined,
    save: () => Promise.resolve(),
    writer: undefined,
    tellFailure: undefined,
    meter: new MappingMeter(),
    now: () => NOW,
    random: () => 0,
    uuid: () => 'id',
    warn: () => {},
  })
  const context = {
    shardId: 'shardId-000000000000',
    closing: closing.signal,
    signal: lost.signal,
    position: RECORDS,
    millisBehindLatest: 0,
    checkpoint: (record?: { readonly sequenceNumber: number }) => {
      checkpoints.push(record === undefined ? RECORDS : record.sequenceNumber + 1)
      return Promise.resolve()
    },
  } as unknown as BatchContext
  const records = Array.from({ length: RECORDS }, (_, sequenceNumber): PackableRecord => {
    const arrivalTime = new Date(NOW)
    return { sequenceNumber, partitionKey: 'a', bytes: Uint8Array.of(1), arrivalTime }
  })
  void run.receive(records, context)
  return { run, context, calls, close: () => closing.abort(), checkpoints }
}

it('a shard that has ended, and is given back in its last call, is not taken for processed while records are left', async () => {
  const { run, context, calls, close, checkpoints } = heldRun()
  const finished = run.finish(context)
  expect(calls).toHaveLength(1)
  close()
  calls[0]!()
  await expect(finished).rejects.toThrow('not processed to its end')
  expect([calls.length, checkpoints.at(-1)]).toEqual([1, 4])
})

it('a shard whose records are all done is processed to its end, also where it is given back just then', async () => {
  const { run, context, calls, close, checkpoints } = heldRun()
  const finished = run.finish(context)
  calls[0]!()
  await expect.poll(() => calls.length).toBe(2)
  close()
  calls[1]!()
  await finished
  expect(checkpoints.at(-1)).toBe(RECORDS)
})

it('a shard that another member has is not taken for processed', async () => {
  const { run, context } = heldRun()
  const finished = run.finish(context)
  await run.abort()
  await expect(finished).rejects.toThrow('Another member has the shard.')
})
