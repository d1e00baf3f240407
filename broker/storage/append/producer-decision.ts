// Decides whether an idempotent producer's batch is stored, was stored before, or is refused. Any thread, pure.
// The decision depends only on what is remembered of the producer at the shard: producer-table.ts remembers, staging.ts
// asks.
import type { ProducerRow } from '../rows/key-space.ts'

/** A producer's stored batch, and its position. */
export type WindowEntry = ProducerRow['entries'][number]

/** What is remembered of a producer at a shard. */
export interface ProducerState {
  /** Who owns the id: the tag of the producer's secret and of the principal that wrote under it, if one was known. */
  readonly tag: number
  readonly epoch: number
  /** The number that the producer's next record must have. */
  readonly nextSequence: number
  /** The producer's newest batches, oldest first. */
  readonly window: readonly WindowEntry[]
}

/** A producer's batch, by its header. */
export interface ProducerBatch {
  /** The tag of the secret that the sender has proven for the producer id, and of the sender's principal. */
  readonly tag: number
  /** The tag of the secret alone, where the sender has a principal. */
  readonly openTag?: number
  readonly epoch: number
  readonly firstSequence: number
  readonly recordCount: number
  /**
   * Checksum over everything that the producer decided: distinguishes a retry from other content under the same
   * numbers.
   */
  readonly bodyCrc: number
}

export type ProducerRefusal =
  'producerUnproven' | 'producerFenced' | 'outOfOrderSequence' | 'duplicateTooOld' | 'sequenceReused'

/** Store the batch, answer with the stored batch that it repeats, or refuse it. */
export type ProducerDecision = 'store' | WindowEntry | ProducerRefusal

/**
 * Decides on a batch as Kafka does: numbers follow without a gap within an epoch, a new epoch or an unknown producer
 * begins at 0, and a batch in the window may be repeated. A repeated batch is answered as stored only if the window
 * proves that exactly these bytes are stored.
 */
export function decideOnBatch(known: ProducerState | undefined, batch: ProducerBatch): ProducerDecision {
  if (known !== undefined && !isOwner(known, batch)) return 'producerUnproven'
  if (known === undefined || batch.epoch > known.epoch) {
    return batch.firstSequence === 0 ? 'store' : 'outOfOrderSequence'
  }
  if (batch.epoch < known.epoch) return 'producerFenced'
  if (batch.firstSequence === known.nextSequence) return 'store'
  if (batch.firstSequence > known.nextSequence) return 'outOfOrderSequence'
  const stored = known.window.find((entry) => isRetryOf(entry, batch))
  if (stored !== undefined) return stored
  // A batch that ends below the window may be an old one. Any other overlaps stored batches with other content.
  const oldest = known.window[0]
  const isOld = oldest === undefined || batch.firstSequence + batch.recordCount <= oldest.firstSequence
  return isOld ? 'duplicateTooOld' : 'sequenceReused'
}

/**
 * An id belongs to the producer that used it first at the shard, while it is remembered. One of a time when nobody had to say
 * who he was belongs to the first principal that shows its secret.
 */
function isOwner(known: ProducerState, batch: ProducerBatch): boolean {
  return known.tag === batch.tag || known.tag === batch.openTag
}

function isRetryOf(entry: WindowEntry, batch: ProducerBatch): boolean {
  return (
    entry.firstSequence === batch.firstSequence &&
    entry.recordCount === batch.recordCount &&
    entry.bodyCrc === batch.bodyCrc
  )
}
