// Lays records out in batches. Runs in the client, pure: by shard for a new append, and by the batches of a plan for one that is
// resumed. Nothing is changed outside before all records are laid out, so an invalid one leaves everything as it was.
import { ENCRYPTION_BYTES_MAX } from '../../protocol/batch/envelope.ts'
import { BatchBuilder } from '../../protocol/batch/record.ts'
import type { Compression } from '../../protocol/batch/compression.ts'
import { invariant } from '../../protocol/invariant.ts'
import { limits } from '../../protocol/limits.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { ShardMap } from '../../protocol/shards/shard-map.ts'
import type { LaneIdentity } from '../producer/lanes/identity.ts'
import type { PreparedBatch } from './part.ts'
import { Assignment, type KnownPart } from './plan.ts'
import type { PreparedRecords } from './records.ts'

/** How batches are encoded. */
export interface LayoutSettings {
  readonly batchBytes: number
  readonly compression: Compression
  readonly isEncrypted: boolean
  readonly random: () => number
}

/** Where the batches of a shard begin. */
export interface Numbering {
  readonly identity: LaneIdentity
  readonly firstSequence: number
}

/** Fills one batch after the other, for one shard. */
class BatchFiller {
  readonly batches: PreparedBatch[] = []
  readonly #records: PreparedRecords
  readonly #settings: LayoutSettings
  readonly #builder: BatchBuilder
  readonly #producerId: number
  /** Records of each batch, where a plan says it. */
  readonly #counts: readonly number[] | undefined
  #sequence: number
  #indexes: number[] = []

  constructor(
    records: PreparedRecords,
    settings: LayoutSettings,
    { identity, firstSequence, counts }: Numbering & { readonly counts?: readonly number[] },
  ) {
    this.#records = records
    this.#settings = settings
    this.#producerId = identity.producerId
    this.#sequence = firstSequence
    this.#counts = counts
    this.#builder = new BatchBuilder({
      // A plan says where a batch ends, whatever its size.
      bytesMax: counts === undefined ? settings.batchBytes : limits.batchBytesMax,
      random: settings.random,
      reservedBytes: settings.isEncrypted ? ENCRYPTION_BYTES_MAX : 0,
    })
  }

  add(index: number): void {
    const { hashKeys } = this.#records
    const fields = this.#records.fields(index)
    if (!this.#builder.tryAdd(fields, hashKeys, index * 4)) {
      if (this.#counts !== undefined) throw tooLarge()
      this.#seal()
      invariant(
        this.#builder.tryAdd(fields, hashKeys, index * 4),
        'an empty batch takes any record within the limits',
      )
    }
    this.#indexes.push(index)
    if (this.#indexes.length === this.#counts?.[this.batches.length]) this.#seal()
  }

  finish(): PreparedBatch[] {
    if (this.#indexes.length > 0) this.#seal()
    return this.batches
  }

  #seal(): void {
    const bytes = this.#builder.finish({
      producerId: this.#producerId,
      producerEpoch: 0,
      firstProducerSequence: this.#sequence,
      codec: this.#settings.compression,
    })
    this.#sequence += this.#indexes.length
    this.batches.push({ indexes: this.#indexes, bytes, inDoubt: false })
    this.#indexes = []
  }
}

/** Lays records out by the shards that take them now. `indexes` rise. The map has the batches of each shard. */
export function layOut(
  records: PreparedRecords,
  indexes: Iterable<number>,
  options: { map: ShardMap; settings: LayoutSettings; numberingOf: (shardIndex: number) => Numbering },
): Map<number, PreparedBatch[]> {
  const { map, settings, numberingOf } = options
  const fillers = new Map<number, BatchFiller>()
  for (const index of indexes) {
    const shardIndex = map.route(records.hashKeys, index * 4)
    let filler = fillers.get(shardIndex)
    if (filler === undefined) {
      filler = new BatchFiller(records, settings, numberingOf(shardIndex))
      fillers.set(shardIndex, filler)
    }
    filler.add(index)
  }
  return new Map([...fillers].map(([shardIndex, filler]) => [shardIndex, filler.finish()]))
}

/** Records laid out by a plan. */
export interface PlannedLayout {
  /** Batches of each part that are not known to be stored. */
  readonly batches: readonly PreparedBatch[][]
  /** Places of the records that the plan has no room for. */
  readonly left: readonly number[]
}

/** Lays records out by the parts of a plan. Throws `invalidArgument` if the records of a batch do not go into one any more. */
export function layOutByPlan(
  records: PreparedRecords,
  parts: readonly KnownPart[],
  settings: LayoutSettings,
): PlannedLayout {
  const assignment = new Assignment(parts)
  const left: number[] = []
  const places = parts.map(({ identity, planned }) => {
    const { firstSequence, stored } = planned
    const storedCount = planned.batches.slice(0, stored).reduce((sum, count) => sum + count, 0)
    const counts = planned.batches.slice(stored)
    const numbering = { identity, firstSequence: firstSequence + storedCount, counts }
    return { skips: storedCount, filler: new BatchFiller(records, settings, numbering) }
  })
  for (let index = 0; index < records.length; index++) {
    const at = assignment.take(records.hashKeys, index * 4)
    if (at === undefined) {
      left.push(index)
      continue
    }
    const place = places[at]!
    if (place.skips > 0) place.skips--
    else place.filler.add(index)
  }
  return { batches: places.map(({ filler }) => filler.finish()), left }
}

function tooLarge(): MillraceError {
  return new MillraceError(
    'invalidArgument',
    `The records of a batch of the plan have more than ${limits.batchBytesMax} bytes now: resume with the records of the append.`,
  )
}
