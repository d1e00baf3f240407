// Where accepted records gather: encoded at once into the open batch of their shard's lane. Runs in the client, pure.
// It knows which bytes are buffered, and how to encode batches anew when their records must go elsewhere.
import { stampBatch } from '../../protocol/batch.ts'
import { hashPartitionKey } from '../../protocol/hash-key.ts'
import { invariant } from '../../protocol/invariant.ts'
import { BatchBuilder, readRecords, type RecordInput, type StoredRecord } from '../../protocol/record.ts'
import type { ShardMap } from '../../protocol/shard-map.ts'
import { Lane } from './lane.ts'
import { producerLimits, type ProducerSettings } from './options.ts'
import { PendingBatch } from './pending-batch.ts'

export interface AccumulatorOptions {
  readonly map: ShardMap
  readonly producerSettings: ProducerSettings
  readonly monotonic: () => number
  readonly random: () => number
  /** The lane got its first record, or a batch of it is full. */
  readonly onReady: (lane: Lane) => void
}

const PRODUCER_ID_BELOW = 2 ** 53

export class Accumulator {
  /** By which records are routed. */
  map: ShardMap
  /** Bytes of records that are not settled. */
  bufferedBytes = 0
  readonly #options: AccumulatorOptions
  readonly #lanes = new Map<number, Lane>()
  readonly #builders: BatchBuilder[] = []
  readonly #newProducerId: () => number

  constructor(options: AccumulatorOptions) {
    this.#options = options
    this.map = options.map
    const { random } = options
    this.#newProducerId = () => 1 + Math.floor(random() * (PRODUCER_ID_BELOW - 1))
  }

  lanes(): Lane[] {
    return [...this.#lanes.values()]
  }

  /** Whether the lane still takes records; what is told of a lane that was removed comes too late. */
  has(lane: Lane): boolean {
    return this.#lanes.get(lane.shardIndex) === lane
  }

  remove(lane: Lane): void {
    this.#lanes.delete(lane.shardIndex)
  }

  /**
   * Encodes the record, whose hash key stands at `hashKey[hashKeyAt…+3]`, into its shard's open batch and answers that
   * batch: the record is its last one. The bytes are copied. Throws `invalidArgument` for a record above the limits; then nothing has changed.
   */
  add(record: RecordInput, hashKey: Uint32Array, hashKeyAt: number, acceptedAt?: number): PendingBatch {
    const lane = this.#laneOf(this.map.route(hashKey, hashKeyAt))
    let batch = lane.open
    const before = batch?.builder.byteLength ?? 0
    if (batch === undefined || !batch.builder.tryAdd(record, hashKey, hashKeyAt)) {
      // A builder that refused the record because it is full can be finished: the record is sound, or it had thrown.
      if (batch !== undefined) this.seal(lane)
      const builder = this.#builderWith(record, hashKey, hashKeyAt)
      batch = new PendingBatch(builder, acceptedAt ?? this.#options.monotonic())
      lane.open = batch
      this.#count(batch, batch.builder.byteLength)
      this.#options.onReady(lane)
    } else {
      this.#count(batch, batch.builder.byteLength - before)
      if (acceptedAt !== undefined && acceptedAt < batch.acceptedAt) batch.acceptedAt = acceptedAt
    }
    if (batch.recordCount >= this.#options.producerSettings.batchRecords) {
      this.seal(lane)
      this.#options.onReady(lane)
    }
    return batch
  }

  seal(lane: Lane): void {
    const builder = lane.seal(this.#options.producerSettings.compression)
    if (this.#builders.length < producerLimits.buildersKept) this.#builders.push(builder)
  }

  /** The batch is settled: its bytes are free. */
  release(batch: PendingBatch): void {
    this.bufferedBytes -= batch.bufferedBytes
  }

  /**
   * Takes all records of the lanes out and routes them again, in their order and with whoever waits for them. Nothing
   * of the lanes may be in flight or in doubt: see lane.ts.
   */
  encodeAnew(lanes: readonly Lane[]): void {
    const moved: PendingBatch[] = []
    for (const lane of lanes) {
      if (lane.open !== undefined) this.seal(lane)
      moved.push(...lane.empty())
    }
    for (const batch of moved) this.#carryOver(batch)
  }

  #carryOver(batch: PendingBatch): void {
    const targets = new Set<PendingBatch>()
    const waiters = batch.waiters.values()
    let waiter = waiters.next().value
    // A batch is read only when it is stamped; this stamp is never sent.
    stampBatch(batch.bytes!, 0, 0)
    const hashKey = new Uint32Array(4)
    for (const record of readRecords(batch.bytes!)) {
      if (record.explicitHashKey === undefined) hashPartitionKey(record.partitionKey, hashKey, 0)
      else hashKey.set(record.explicitHashKey)
      const target = this.add(inputOf(record), hashKey, 0, batch.acceptedAt)
      targets.add(target)
      // Stamped with base 0, a record's number is its index.
      if (waiter?.index === record.sequenceNumber) {
        target.addWaiter({ ...waiter, index: target.recordCount - 1 })
        waiter = waiters.next().value
      }
    }
    this.release(batch)
    batch.carriedOver(targets)
  }

  #laneOf(shardIndex: number): Lane {
    let lane = this.#lanes.get(shardIndex)
    if (lane === undefined) {
      lane = new Lane(shardIndex, this.#newProducerId)
      this.#lanes.set(shardIndex, lane)
    }
    return lane
  }

  #builderWith(record: RecordInput, hashKey: Uint32Array, hashKeyAt: number): BatchBuilder {
    const { batchBytes } = this.#options.producerSettings
    const builder = this.#builders.pop() ?? new BatchBuilder({ bytesMax: batchBytes })
    invariant(builder.tryAdd(record, hashKey, hashKeyAt), 'an empty batch takes any record within the limits')
    return builder
  }

  #count(batch: PendingBatch, bytes: number): void {
    batch.recordCount++
    batch.bufferedBytes += bytes
    this.bufferedBytes += bytes
  }
}

function inputOf(record: StoredRecord): RecordInput {
  const { partitionKey, data, explicitHashKey, timestamp, headers } = record
  const hasHeaders = Object.keys(headers).length > 0
  return { partitionKey, data, explicitHashKey, timestamp, headers: hasHeaders ? headers : undefined }
}
