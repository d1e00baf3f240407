// Sealing over real storage: how a closed shard answers batches, before and after a restart.
import { expect, it } from 'vitest'
import { Engine } from '../../../../broker/host/engine.ts'
import type { OwnerChannel } from '../../../../broker/host/owners/owner-link.ts'
import { systemTime } from '../../../../broker/time.ts'
import { checkOwnerDirectory } from '../../../../broker/storage/integrity.ts'
import { openOwner } from '../../../../broker/storage/owner.ts'
import { inlineSegmentReader } from '../../../../broker/storage/segment-reader.ts'
import { silentLog } from '../../../../broker/telemetry/log.ts'
import { serveCalls } from '../../../../broker/channels/calls.ts'
import { channelPair } from '../../../../broker/channels/channel-pair.ts'
import type { OwnerCalls, OwnerOptions } from '../../../../broker/threads/owner-contract.ts'
import type { PlacedShard } from '../../../../broker/host-contract.ts'
import { producerIdAt } from '../../../../protocol/batch/batch.ts'
import { CountedMetrics } from '../../../support/counted-metrics.ts'
import { producerNumber, secretOf } from '../../../support/producers.ts'
import { temporaryDirectory } from '../../../support/disk/temporary.ts'
import { FakeSession } from '../support/fake-session.ts'
import { MemoryMaintenance } from '../support/memory-maintenance.ts'
import { codeOf, contents, makeBatch, placedShard, settings, STREAM } from '../support/test-host.ts'

const session = new FakeSession()

async function startOwner(options: OwnerOptions): Promise<OwnerChannel> {
  const [hostEnd, ownerEnd] = channelPair()
  const owner = await openOwner(options)
  const { notify } = serveCalls<OwnerCalls>(ownerEnd, owner.handlers)
  owner.onNotice(notify)
  return { ...hostEnd, join: () => Promise.resolve() }
}

async function startEngine(directory: string, placed: readonly PlacedShard[]): Promise<Engine> {
  const engine = new Engine({
    settings: { ...settings, owners: [{ ownerId: 0, directory }], tailCacheBytes: 0 },
    startOwner: (place, { segmentBytes, freeSpaceFloorBytes }) =>
      startOwner({ ...place, segmentBytes, freeSpaceFloorBytes }),
    openReader: () => inlineSegmentReader(),
    openMaintenance: () => new MemoryMaintenance(),
    log: silentLog(),
    metrics: new CountedMetrics().instruments,
    time: systemTime,
    onBroken: (error) => {
      throw error
    },
  })
  await engine.startOwners(placed)
  await engine.lifecycle.open(placed)
  return engine
}

const producer = producerNumber(9)
const append = async (engine: Engine, ...batches: readonly Uint8Array[]) => {
  const wanted = batches.map((batch) => {
    const producerSecret = secretOf(producerIdAt(batch, 0))
    return { streamId: STREAM, shardIndex: 0, batch, producerSecret }
  })
  return (await engine.handlers.append({ batches: wanted }, session.context)).results
}
const fetchFrom = async (engine: Engine, sequenceNumber: number) => {
  const shards = [{ streamId: STREAM, shardIndex: 0, sequenceNumber, bytesMax: 1 << 20 }]
  const request = { shards, bytesMax: 1 << 20, waitMs: 30_000 }
  return (await engine.handlers.fetch(request, session.context)).shards[0]!
}
const batchOf = (sequence: number) =>
  makeBatch([`${sequence}`], { producerId: producer.producerId, firstProducerSequence: sequence })

it('a closed shard: answers duplicates as stored and other batches as closed, also after a restart', async () => {
  await using directory = await temporaryDirectory()
  const first = await startEngine(directory.path, [placedShard(0)])
  const stored = [...(await append(first, batchOf(0))), ...(await append(first, batchOf(1)))]
  expect(stored.map(codeOf)).toEqual(['stored', 'stored'])
  const children = [1, 2]
  const inFlight = append(first, batchOf(2))
  const sealed = first.lifecycle.seal({ streamId: STREAM, shards: [{ shardIndex: 0, children }] })
  const late = append(first, batchOf(3))
  expect((await inFlight).map(codeOf)).toEqual(['stored'])
  expect(await sealed).toMatchObject([{ tail: 3, closed: true }])
  expect((await late).map(codeOf)).toEqual(['shardClosed'])
  const check = async (engine: Engine) => {
    expect(await append(engine, batchOf(0), batchOf(1))).toEqual(stored)
    const [refused] = await append(engine, batchOf(3))
    expect(codeOf(refused!)).toBe('shardClosed')
    expect(refused!.message).toContain('shardId-000000000001, shardId-000000000002')
    const answer = await fetchFrom(engine, 0)
    expect(contents(answer.batches)).toEqual(['0:0', '1:1', '2:2'])
    expect(answer.ended || (await fetchFrom(engine, 3)).ended).toBe(true)
  }
  await check(first)
  await first.close()
  const second = await startEngine(directory.path, [placedShard(0, { children })])
  await check(second)
  await second.lifecycle.drop({ shards: [{ streamId: STREAM, shardIndex: 0, ownerId: 0, slot: 1 }] })
  expect(codeOf(await fetchFrom(second, 0))).toBe('shardNotFound')
  await second.close()
  // A controller that died before its catalog had the answer seals again.
  const third = await startEngine(directory.path, [])
  await third.lifecycle.drop({ shards: [{ streamId: STREAM, shardIndex: 0, ownerId: 0, slot: 1 }] })
  await third.close()
  expect((await checkOwnerDirectory(directory.path)).problems).toEqual([])
})
