// What a read of one shard makes of the reader's reply.
import { expect, test } from 'vitest'
import { baseSequenceNumberAt, stampBatch } from '../../../../protocol/batch/batch.ts'
import type { ColdReads } from '../../../../broker/host/read/cold-reads.ts'
import type { Outflow } from '../../../../broker/host/read/outflow.ts'
import { ShardReads } from '../../../../broker/host/read/shard-reads.ts'
import { HostedShard } from '../../../../broker/host/shards/hosted-shard.ts'
import { silentLog } from '../../../../broker/telemetry/log.ts'
import type { ReadReply } from '../../../../broker/threads/reader-contract.ts'
import { CountedMetrics } from '../../../support/counted-metrics.ts'
import { FakeSession } from '../support/fake-session.ts'
import { makeBatch, placedShard } from '../support/test-host.ts'

const ROOM = { bytes: 1 << 20, firstBytes: Infinity }

/** A shard that reaches from 0 to 30, as the host knows it, and reads whose reader gives this reply. */
function readsWith(reply: ReadReply) {
  const extent = {
    slot: 1,
    trimHorizon: 0,
    tail: 30,
    lastArrivalTime: 5,
    bytes: 0,
    activeFirst: 0,
    closed: false,
  }
  const shard = new HostedShard(placedShard(0), extent)
  const reads = new ShardReads({
    segments: { segmentsOf: () => ({ directory: '', segments: [] }) },
    reader: {
      read: () => Promise.resolve(reply),
      seek: () => Promise.reject(new Error()),
      close: () => Promise.resolve(),
    },
    cold: { run: (_outflow: Outflow, work: () => Promise<unknown>) => work() } as unknown as ColdReads,
    horizons: { isExpired: () => false, refresh: () => Promise.resolve() },
    log: silentLog(),
    metrics: new CountedMetrics().instruments,
    elapsed: () => 0,
    atTurnEnd: setImmediate,
  })
  const outflow = { session: new FakeSession() } as unknown as Outflow
  return { shard, read: (from: number) => reads.stored(shard, from, ROOM, outflow) }
}

function batchesAt(...bases: readonly number[]): Pick<ReadReply, 'buffer' | 'lengths'> {
  const batches = bases.map((base) => {
    const batch = makeBatch(['a', 'b'])
    stampBatch(batch, base, 5)
    return batch
  })
  const all = Uint8Array.from(batches.flatMap((batch) => [...batch]))
  return { buffer: all.buffer, lengths: Uint32Array.from(batches, ({ length }) => length) }
}

// The owner's answer that it has trimmed reaches the host after readers of storage see it.
test.each([
  ['the rest of the shard', { ...batchesAt(), next: 30 }, 30],
  ['part of the shard', { ...batchesAt(20, 22), next: 24 }, 20],
])('shard reads: %s that storage has trimmed is refused as trimmed', async (_what, reply, horizon) => {
  const { shard, read } = readsWith(reply)
  await expect(read(10)).resolves.toMatchObject({ code: 'trimmed' })
  expect(shard.trimHorizon).toBe(horizon)
})

test('shard reads: a batch that begins below the wanted number trims nothing', async () => {
  const { shard, read } = readsWith({ ...batchesAt(9), next: 11 })
  const run = await read(10)
  expect(run).toMatchObject({ next: 11 })
  expect('batches' in run && run.batches.map((batch) => baseSequenceNumberAt(batch, 0))).toEqual([9])
  expect(shard.trimHorizon).toBe(0)
})

test('shard reads: a number that no segment holds, and that was not trimmed, is damage', async () => {
  const { shard, read } = readsWith({ ...batchesAt(), next: 10 })
  await expect(read(10)).resolves.toMatchObject({
    code: 'corruptData',
    damage: { firstSequenceNumber: 10, nextSequenceNumber: 30 },
  })
  expect(shard.trimHorizon).toBe(0)
})
