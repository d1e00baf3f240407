// Where accepted records gather: encoded at once into the open batch of their shard's lane. Runs in the client, pure.
// It knows which bytes are buffered, and how batches go on elsewhere: as they are where all their records go together,
// else encoded anew.
import { ENCRYPTION_BYTES_MAX } from '../../../protocol/batch/envelope.ts'
import { stampBatch, batchOffsets } from '../../../protocol/batch/batch.ts'
import { hashKeyFromBytes, hashPartitionKey } from '../../../protocol/shards/hash-key.ts'
import { invariant } from '../../../protocol/invariant.ts'
import {
  BatchBuilder,
  readRecords,
  type RecordFields,
  type StoredRecord,
} from '../../../protocol/batch/record.ts'
import type { BatchEncryption } from '../../encryption/batch-encryption.ts'
import { BatchMemory } from './batch-memory.ts'
import { gatherMsOf } from '../lanes/deadlines.ts'
import { drawIdentity } from '../lanes/identity.ts'
import type { Lane } from '../lanes/lane.ts'
import { Lanes, type LaneRouting } from '../lanes/lanes.ts'
import { producerLimits, type ProducerSettings } from '../options.ts'
import { PendingBatch } from './pending-batch.ts'

export interface AccumulatorOptions {
  readonly routing: LaneRouting
  readonly producerSettings: ProducerSettings
  readonly monotonic: () => number
  readonly random: () => number
  readonly randomBytes: (length: number) => Uint8Array
  /** Undefined where batches are sent as they are. */
  readonly encryption?: Pick<BatchEncryption, 'encrypt'> | undefined
  /** The lane got its first record, or a batch of it is full. */
  readonly onReady: (lane: Lane) => void
}

export class Accumulator {
  readonly lanes: Lanes
  /** Bytes of records that are not settled. */
  bufferedBytes = 0
  /** Records that are not settled. */
  bufferedRecords = 0
  readonly #options: AccumulatorOptions
  /** For how long a batch gathers where its records have a time to live: they expire together. */
  readonly #gatherMsMax: number
  readonly #builders: BatchBuilder[] = []
  readonly #memory = new BatchMemory()

  constructor(options: AccumulatorOptions) {
    this.#options = options
    this.#gatherMsMax = gatherMsOf(options.producerSettings)
    this.lanes = new Lanes(options.routing, () => drawIdentity(options.randomBytes))
  }

  /**
   * Encodes the record, whose hash key stands at `hashKey[hashKeyAt…+3]`, into its shard's open batch and answers that
   * batch: the record is its last one. The bytes are copied. Throws `invalidArgument` for a record above the limits; then
   * nothing has changed.
   */
  add(record: RecordFields, hashKey: Uint32Array, hashKeyAt: number): PendingBatch {
    return this.#addTo(this.lanes.of(hashKey, hashKeyAt), record, hashKey, hashKeyAt)
  }

  #addTo(
    lane: Lane,
    record: RecordFields,
    hashKey: Uint32Array,
    hashKeyAt: number,
    from?: PendingBatch,
  ): PendingBatch {
    if (this.#gatherMsMax < Infinity) this.#endGathering(lane, from)
    let batch = lane.open
    const before = batch?.builder.byteLength ?? 0
    if (batch === undefined || !batch.builder.tryAdd(record, hashKey, hashKeyAt)) {
      // A builder that refused the record because it is full can be finished: the record is sound, or it had thrown.
      if (batch !== undefined) this.seal(lane)
      const builder = this.#builderWith(record, hashKey, hashKeyAt)
      batch = new PendingBatch(builder, from?.acceptedAt ?? this.#options.monotonic())
      lane.open = batch
      this.#count(batch, batch.builder.byteLength)
      this.#options.onReady(lane)
    } else {
      this.#count(batch, batch.builder.byteLength - before)
      if (from !== undefined && from.acceptedAt < batch.acceptedAt) batch.acceptedAt = from.acceptedAt
    }
    if (this.#gatherMsMax < Infinity) this.#noteTime(batch, from)
    if (batch.recordCount >= this.#options.producerSettings.batchRecords) {
      this.seal(lane)
      this.#options.onReady(lane)
    }
    return batch
  }

  /** Seals what has gathered for so long that its oldest record would expire well before the newest one. */
  #endGathering(lane: Lane, from: PendingBatch | undefined): void {
    const { open } = lane
    if (open === undefined) return
    const [first, last] =
      from === undefined ? [open.acceptedAt, this.#options.monotonic()] : spanOf(open, from)
    if (last - first <= this.#gatherMsMax) return
    this.seal(lane)
    this.#options.onReady(lane)
  }

  #noteTime(batch: PendingBatch, from: PendingBatch | undefined): void {
    const last = from?.lastAcceptedAt ?? this.#options.monotonic()
    if (last > batch.lastAcceptedAt) batch.lastAcceptedAt = last
  }

  seal(lane: Lane): void {
    const builder = lane.seal(this.#options.producerSettings.compression)
    if (this.#builders.length < producerLimits.buildersKept) this.#builders.push(builder)
  }

  /** Frees the buffer's room of a settled batch. */
  release(batch: PendingBatch): void {
    this.bufferedBytes -= batch.bufferedBytes
    this.bufferedRecords -= batch.recordCount
  }

  /** The batch is about to be sent: before the first time, it is encrypted where batches are. */
  prepare(batch: PendingBatch): void {
    const { encryption } = this.#options
    batch.encrypted ??= encryption?.encrypt(batch.bytes!, (bytes) => this.#memory.take(bytes))
  }

  /** The batch is stored. Of one that was sent again, a lost connection may still hold the bytes. */
  releaseStored(batch: PendingBatch): void {
    this.release(batch)
    const { bytes, encrypted } = batch
    if (encrypted !== undefined || batch.sendings === 1) this.#memory.give(bytes!)
    if (encrypted !== undefined && batch.sendings === 1) this.#memory.give(encrypted)
    batch.bytes = undefined
    batch.encrypted = undefined
  }

  /**
   * Begins the lane's next epoch with all its batches. Nothing of it may be in flight or in doubt: see lane.ts. They stay
   * in their lane under any routing: a vanishing lane from which they came may still hold records that must follow them.
   */
  startOver(lane: Lane): void {
    if (lane.open !== undefined) this.seal(lane)
    for (const batch of lane.empty()) lane.renew(batch)
    if (!lane.isEmpty) this.#options.onReady(lane)
  }

  /**
   * Moves the oldest records out of a vanishing lane, with their waiters, until `bytesMax` bytes are moved or none is left. New
   * records still gather in the lane, behind them.
   */
  moveOn(lane: Lane, bytesMax: number): number {
    let bytes = 0
    while (bytes < bytesMax && !lane.isEmpty) {
      if (lane.hasOnlyOpen) this.seal(lane)
      const batch = lane.drop(1)[0]!
      // What is compressed may have to be encoded anew: that takes as long as its records are large.
      bytes += batch.bufferedBytes
      this.#carryOver(batch, lane)
    }
    return bytes
  }

  #carryOver(batch: PendingBatch, leaving: Lane): void {
    const lane = this.lanes.ofAll(boundsOf(batch.bytes!), leaving)
    if (lane === undefined) {
      this.#encodeAnew(batch, leaving)
      return
    }
    if (lane.open !== undefined) this.seal(lane)
    lane.renew(batch)
    this.#options.onReady(lane)
  }

  #encodeAnew(batch: PendingBatch, leaving: Lane): void {
    const targets = new Set<PendingBatch>()
    const { isWatched } = batch
    const waiters = batch.waiters.values()
    let waiter = waiters.next().value
    // A batch is read only when it is stamped; this stamp is never sent.
    stampBatch(batch.bytes!, 0, 0)
    const hashKey = new Uint32Array(4)
    for (const record of readRecords(batch.bytes!)) {
      if (record.explicitHashKey === undefined) hashPartitionKey(record.partitionKey, hashKey, 0)
      else hashKey.set(record.explicitHashKey)
      const lane = this.lanes.of(hashKey, 0, leaving)
      const target = this.#addTo(lane, inputOf(record), hashKey, 0, batch)
      targets.add(target)
      // Stamped with base 0, a record's number is its index.
      if (waiter?.index === record.sequenceNumber) {
        waiter.index = target.recordCount - 1
        target.addWaiter(waiter)
        waiter = waiters.next().value
      } else if (isWatched) target.sinkRecords++
    }
    this.release(batch)
    batch.carriedOver(targets)
  }

  #builderWith(record: RecordFields, hashKey: Uint32Array, hashKeyAt: number): BatchBuilder {
    const { producerSettings, random, encryption } = this.#options
    const { batchBytes: bytesMax } = producerSettings
    const reservedBytes = encryption === undefined ? 0 : ENCRYPTION_BYTES_MAX
    const builder =
      this.#builders.pop() ?? new BatchBuilder({ bytesMax, random, memory: this.#memory, reservedBytes })
    invariant(builder.tryAdd(record, hashKey, hashKeyAt), 'an empty batch takes any record within the limits')
    return builder
  }

  #count(batch: PendingBatch, bytes: number): void {
    batch.recordCount++
    batch.bufferedBytes += bytes
    this.bufferedBytes += bytes
    this.bufferedRecords++
  }
}

/** When the oldest and the newest record of two batches were accepted. */
function spanOf(a: PendingBatch, b: PendingBatch): [number, number] {
  return [Math.min(a.acceptedAt, b.acceptedAt), Math.max(a.lastAcceptedAt, b.lastAcceptedAt)]
}

/** Lowest and highest hash key of a batch, four words each. */
function boundsOf(batch: Uint8Array): Uint32Array {
  const bounds = new Uint32Array(8)
  bounds.set(hashKeyFromBytes(batch, batchOffsets.lowestHashKey), 0)
  bounds.set(hashKeyFromBytes(batch, batchOffsets.highestHashKey), 4)
  return bounds
}

function inputOf(record: StoredRecord): RecordFields {
  const { partitionKey, data, explicitHashKey, timestamp, headers } = record
  const hasHeaders = Object.keys(headers).length > 0
  return { partitionKey, data, explicitHashKey, timestamp, headers: hasHeaders ? headers : undefined }
}
