// An engine over owners in memory, which most tests of the host use.
import {
  BatchBuilder,
  errorCodeOf,
  hashPartitionKey,
  producerIdAt,
  readRecords,
  type ErrorCode,
  type FetchedShard,
  type Position,
  type RequestOf,
  type ResponseOf,
} from '../../../../protocol/index.ts'
import { Engine } from '../../../../broker/host/engine.ts'
import type { HostedExtent, HostSettings, PlacedShard } from '../../../../broker/host-contract.ts'
import { silentLog } from '../../../../broker/telemetry/log.ts'
import type { MetricName } from '../../../../broker/telemetry/metrics.ts'
import { CountedMetrics } from '../../../support/counted-metrics.ts'
import { FakeSession } from './fake-session.ts'
import { noQuotaSettings } from '../../../../broker/access/quotas/quotas.ts'
import { MemoryMaintenance } from './memory-maintenance.ts'
import { MemoryOwner, MemoryReader } from './memory-owner.ts'
import { secretOf } from '../../../support/producers.ts'
import { servedDefaults } from '../../../support/requests.ts'
import { randomOf } from '../../../support/random.ts'
import { SteppedTime, rest } from './stepped-time.ts'

export const STREAM = 7

const LOWEST = '0'.repeat(32)
const HIGHEST = 'f'.repeat(32)

export const settings: HostSettings = {
  brokerId: 'test',
  hostId: 1,
  listen: null,
  dataDir: '/nowhere',
  owners: [{ ownerId: 0, directory: '/nowhere/0' }],
  segmentBytes: 1 << 28,
  segmentAgeMs: 86_400_000,
  compactionBytesPerSecond: 1 << 24,
  tailCacheBytes: 1 << 24,
  appendQueueBytes: 1 << 22,
  freeSpaceFloorBytes: 0,
  readerThreads: 1,
  maxConnections: 100,
  auditLog: null,
  certificates: null,
  quotas: noQuotaSettings,
  clock: null,
  logLevel: 'silent',
  logFormat: 'json',
}

export function placedShard(shardIndex: number, changes: Partial<PlacedShard> = {}): PlacedShard {
  return {
    streamId: STREAM,
    streamName: 'clicks',
    shardIndex,
    ownerId: 0,
    slot: shardIndex + 1,
    startingHashKey: LOWEST,
    endingHashKey: HIGHEST,
    startingSequenceNumber: 0,
    children: [],
    closedAt: null,
    settings: servedDefaults,
    ...changes,
  }
}

export interface TestHostOptions {
  readonly shards?: readonly PlacedShard[]
  readonly settings?: Partial<HostSettings>
}

export async function startTestHost(options: TestHostOptions = {}) {
  const time = new SteppedTime()
  const all = { ...settings, ...options.settings }
  const owners = all.owners.map(({ ownerId }) => new MemoryOwner(ownerId))
  const reader = new MemoryReader(owners)
  const maintenance = new MemoryMaintenance()
  const counted = new CountedMetrics()
  const broken: Error[] = []
  const engine = new Engine({
    settings: all,
    startOwner: ({ ownerId }) => Promise.resolve(owners.find((owner) => owner.ownerId === ownerId)!.start()),
    openReader: () => reader,
    openMaintenance: () => maintenance,
    log: silentLog(),
    metrics: counted.instruments,
    time,
    random: randomOf(7).next,
    onBroken: (error) => broken.push(error),
  })
  const shards = options.shards ?? [placedShard(0)]
  await engine.startOwners(shards)
  await engine.lifecycle.open(shards)
  return new TestHost(engine, time, owners, reader, counted, broken)
}

export class TestHost {
  readonly engine: Engine
  readonly time: SteppedTime
  readonly owners: readonly MemoryOwner[]
  readonly reader: MemoryReader
  readonly counted: CountedMetrics
  /** The errors that broke the host. */
  readonly broken: readonly Error[]

  constructor(
    engine: Engine,
    time: SteppedTime,
    owners: readonly MemoryOwner[],
    reader: MemoryReader,
    counted: CountedMetrics,
    broken: readonly Error[],
  ) {
    this.engine = engine
    this.time = time
    this.owners = owners
    this.reader = reader
    this.counted = counted
    this.broken = broken
  }

  get owner(): MemoryOwner {
    return this.owners[0]!
  }

  /** Returns the value of a metric in a scrape. */
  async measured(name: MetricName, label = ''): Promise<number> {
    await this.engine.measure()
    return this.counted.sum(name, label)
  }

  append(session: FakeSession, ...batches: readonly Uint8Array[]): Promise<ResponseOf<'append'>> {
    return this.appendTo(session, ...batches.map((batch) => ({ shardIndex: 0, batch })))
  }

  async appendTo(
    session: FakeSession,
    ...batches: readonly {
      shardIndex: number
      batch: Uint8Array
      streamId?: number
      producerSecret?: Uint8Array | undefined
    }[]
  ): Promise<ResponseOf<'append'>> {
    const request = {
      batches: batches.map((entry) => {
        const producerSecret = secretOf(producerIdAt(entry.batch, 0))
        return { streamId: STREAM, producerSecret, ...entry }
      }),
    }
    return this.engine.handlers.append(request, session.context)
  }

  /** Fetches from one shard. */
  async fetchOne(
    session: FakeSession,
    sequenceNumber: number,
    options: { bytesMax?: number; waitMs?: number; shardIndex?: number } = {},
  ): Promise<FetchedShard> {
    const { bytesMax = 1 << 20, waitMs = 0, shardIndex = 0 } = options
    const shards = [{ streamId: STREAM, shardIndex, sequenceNumber, bytesMax }]
    return (await this.fetch(session, { shards, bytesMax, waitMs })).shards[0]!
  }

  async fetch(session: FakeSession, request: RequestOf<'fetch'>): Promise<ResponseOf<'fetch'>> {
    return this.engine.handlers.fetch(request, session.context)
  }

  async subscribe(
    session: FakeSession,
    options: { position?: Position; creditBytes?: number; shardIndex?: number; consumer?: string } = {},
  ): Promise<ResponseOf<'subscribe'>> {
    const { position = at('TRIM_HORIZON'), creditBytes = 1 << 20, shardIndex = 0, consumer } = options
    const request = { streamId: STREAM, shardIndex, position, creditBytes, consumer }
    return this.engine.handlers.subscribe(request, session.context)
  }

  /** Registers consumers of the stream in place of those that there were; a number says which registration of a name it is. */
  serveConsumers(...names: readonly (string | readonly [name: string, createdAt: number])[]): void {
    const consumers = names.map((each, id) => {
      const [name, createdAt] = typeof each === 'string' ? [each, 1] : each
      return { id, name, createdAt, principal: null }
    })
    this.engine.serveConsumers({ streamId: STREAM, consumers })
  }

  async resolve(session: FakeSession, position: Position): Promise<ResponseOf<'resolvePosition'>> {
    return this.engine.handlers.resolvePosition(
      { streamId: STREAM, shardIndex: 0, position },
      session.context,
    )
  }

  /** Returns the extents of those shards that are served. */
  extents(...shardIndexes: readonly number[]): Promise<readonly HostedExtent[]> {
    return this.engine.extentsOf({ streamId: STREAM, shardIndexes })
  }

  /** Deletes the stream, which has these slots. */
  dropStream(...slots: readonly number[]): Promise<void> {
    const shards = (slots.length > 0 ? slots : [1]).map((slot) => ({ ownerId: 0, slot }))
    return this.engine.lifecycle.dropStream({ streamId: STREAM, shards })
  }

  /** Fills the shard with batches of one record each, and returns their bytes. */
  async fill(count: number, dataBytes = 10, shardIndex = 0): Promise<void> {
    const session = new FakeSession()
    for (let i = 0; i < count; i++) {
      await this.appendTo(session, { shardIndex, batch: makeBatch([`record ${i}`.padEnd(dataBytes)]) })
    }
    session.leave()
    await rest(2)
  }
}

export function at(type: Position['type'], value?: number): Position {
  const byNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER'
  return {
    type,
    sequenceNumber: byNumber ? value : undefined,
    timestamp: type === 'AT_TIMESTAMP' ? value : undefined,
  }
}

export interface BatchIdentityOptions {
  readonly producerId?: number
  readonly firstProducerSequence?: number
}

/** Makes a batch with one record for each text. */
export function makeBatch(texts: readonly string[], identity: BatchIdentityOptions = {}): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: 1 << 23 })
  const words = new Uint32Array(4)
  hashPartitionKey('key', words, 0)
  for (const text of texts) {
    builder.tryAdd({ partitionKey: 'key', data: Buffer.from(text), timestamp: 0 }, words, 0)
  }
  const { producerId = 0, firstProducerSequence = 0 } = identity
  return builder.finish({ producerId, producerEpoch: 0, firstProducerSequence })
}

/** Returns the records of the batches as `number:text`, from number `from` on. */
export function contents(batches: readonly Uint8Array[], from = 0): string[] {
  return batches.flatMap((batch) =>
    [...readRecords(batch, { from })].map(
      ({ sequenceNumber, data }) => `${sequenceNumber}:${Buffer.from(data).toString().trim()}`,
    ),
  )
}

export function codeOf(result: { code: number }): ErrorCode | 'stored' {
  return result.code === 0 ? 'stored' : errorCodeOf(result.code)
}
