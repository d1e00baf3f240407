// The lanes of a delivery to a sink: batches in order, one at a time, and beside them errors and backup as objects. Runs in the app.
import { createHash } from 'node:crypto'
import type { DeliveryDefinition } from 'millrace/protocol'
import type { BatchSink } from '../destinations/batch-sink.ts'
import type { ObjectStore } from '../destinations/object-store.ts'
import { errorLine } from '../errors/error-document.ts'
import { objectKey, type NamedShard } from '../naming/object-key.ts'
import type { PendingObject } from '../progress/shard-progress.ts'
import type { HeapPlace } from '../spool/heap.ts'
import type { LaneHeap, LaneRange, LaneTarget, LaneTargets, WriteOptions, Written } from './lane-target.ts'
import { backupTarget, contentOf, errorForm, errorTarget, transformedBy } from './object-targets.ts'
import type { DeliveredRecord } from '../engine/pipeline.ts'
import type { SourceRecord } from '../engine/source-record.ts'

export interface SinkTargetsParts {
  readonly definition: DeliveryDefinition
  readonly shard: NamedShard
  readonly heaps: HeapPlace
  readonly sink: BatchSink
  /** For errors and backup; undefined where there is none. */
  readonly backupStore: ObjectStore | undefined
}

/** Makes the targets of a shard. */
export function sinkTargets(parts: SinkTargetsParts): LaneTargets {
  const { definition, backupStore } = parts
  const { backup } = definition
  const main = new SinkTarget(parts)
  return {
    writesMax: 1,
    eagerMax: 1,
    main: () => main,
    errors: (type) => (backupStore === undefined ? undefined : errorTarget(parts, type, backupStore)),
    backup:
      backup?.mode === 'all' && backupStore !== undefined
        ? backupTarget(parts, backup.prefix, backupStore)
        : undefined,
  }
}

class SinkTarget implements LaneTarget {
  readonly bytesMax: number
  readonly recordsMax: number
  readonly #parts: SinkTargetsParts

  constructor(parts: SinkTargetsParts) {
    this.#parts = parts
    this.bytesMax = Math.min(parts.definition.buffer.bytes, parts.sink.bytesMax)
    this.recordsMax = parts.sink.recordsMax
  }

  keysOf({ from, to, ms }: LaneRange): Pick<PendingObject, 'key' | 'errorKey'> | undefined {
    const { definition, shard, backupStore } = this.#parts
    const identity = { ...shard, version: definition.version, from, to, ms, partition: '' }
    const key = requestIdOf(identity)
    if (backupStore === undefined) return { key }
    const errorKey = objectKey(errorForm(definition), { ...identity, part: 'http-endpoint-failed' })
    return errorKey === undefined ? undefined : { key, errorKey }
  }

  open(): LaneHeap {
    return new SinkHeap(this.#parts)
  }

  /** What a sink has taken cannot be taken back. */
  withdraw(): Promise<void> {
    return Promise.resolve()
  }

  isThere(): Promise<boolean> {
    return Promise.resolve(false)
  }
}

class SinkHeap implements LaneHeap {
  readonly #parts: SinkTargetsParts
  readonly #records: DeliveredRecord[] = []
  #bytes = 0

  constructor(parts: SinkTargetsParts) {
    this.#parts = parts
  }

  get bytes(): number {
    return this.#bytes
  }

  get records(): number {
    return this.#records.length
  }

  get memoryBytes(): number {
    return this.#bytes
  }

  put(record: SourceRecord, data: Uint8Array): number {
    this.#records.push({ record, partition: '', data })
    this.#bytes += data.length
    return data.length
  }

  /** Batches are small: they stay in memory. */
  spill(): Promise<void> {
    return Promise.resolve()
  }

  async write(
    { key, errorKey, plan }: PendingObject,
    { prepared, keep, signal }: WriteOptions,
  ): Promise<Written> {
    const { sink, backupStore, definition } = this.#parts
    await prepared
    const { failed } = await sink.send({ requestId: key, records: this.#records, plan, keep }, signal)
    if (failed.length > 0) {
      if (backupStore === undefined || errorKey === undefined)
        throw new Error('There is no place for records that failed.')
      const lines = failed.map((error) => errorLine({ ...error, ...transformedBy(definition, '') }))
      await backupStore.write(errorKey, contentOf(Buffer.concat(lines)), signal)
    }
    return { objects: 1, bytes: this.#bytes, failed: failed.length }
  }

  release(): Promise<void> {
    this.#records.length = 0
    return Promise.resolve()
  }
}

/** The id of a request, one for the same records. It looks like a UUID, as Firehose's do. */
function requestIdOf(identity: NamedShard & LaneRange & { readonly version: number }): string {
  const { delivery, version, streamId, shardIndex, from, to } = identity
  const text = [delivery, version, streamId, shardIndex, from, to].join('/')
  const hash = createHash('sha256').update(text).digest('hex')
  const parts = [hash.slice(0, 8), hash.slice(8, 12), `5${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`]
  return [...parts, hash.slice(20, 32)].join('-')
}
