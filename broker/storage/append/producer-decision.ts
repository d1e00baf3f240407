// Whether a batch of an idempotent producer is stored, was stored before, or is refused. Any thread, pure.
// It goes by what is remembered of the producer at the shard, and by nothing else: producer-table.ts remembers, staging.ts asks.
import type { ProducerRow } from '../key-space.ts'

/** A stored batch of a producer, and where it lies. */
export type WindowEntry = ProducerRow['entries'][number]

/** What is known of a producer at a shard. */
export interface ProducerState {
  /**
   * Whose the id is. Today the tag of its secret; where clients have an identity, that of the client goes beside it, and
   * `isOwner` is the one place that compares them.
   */
  readonly tag: number
  readonly epoch: number
  /** The number that its next record must have. */
  readonly nextSequence: number
  /** Its newest batches, oldest first. */
  readonly window: readonly WindowEntry[]
}

/** A batch of a producer, as its header tells of it. */
export interface ProducerBatch {
  /** Of the secret that its sender has shown for the producer id. */
  readonly tag: number
  readonly epoch: number
  readonly firstSequence: number
  readonly recordCount: number
  /** The checksum over everything that the producer decided: tells a retry from other content under the same numbers. */
  readonly bodyCrc: number
}

export type ProducerRefusal =
  'producerUnproven' | 'producerFenced' | 'outOfOrderSequence' | 'duplicateTooOld' | 'sequenceReused'

/** Store it, answer it with the batch that it repeats, or refuse it. */
export type ProducerDecision = 'store' | WindowEntry | ProducerRefusal

/**
 * Decides on a batch by what is known of its producer, as Kafka does: numbers must follow without a gap within an epoch,
 * a new epoch and an unknown producer begin at 0, and a batch of the window may be repeated. A repeated batch is answered
 * as stored only where the window proves that these very bytes are.
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
  // A batch that ends below the window may be an old one. Any other shares numbers with batches that are known to differ.
  const oldest = known.window[0]
  const isOld = oldest === undefined || batch.firstSequence + batch.recordCount <= oldest.firstSequence
  return isOld ? 'duplicateTooOld' : 'sequenceReused'
}

/** An id belongs to the producer that used it first at the shard, for as long as it is remembered. */
function isOwner(known: ProducerState, batch: ProducerBatch): boolean {
  return known.tag === batch.tag
}

function isRetryOf(entry: WindowEntry, batch: ProducerBatch): boolean {
  return (
    entry.firstSequence === batch.firstSequence &&
    entry.recordCount === batch.recordCount &&
    entry.bodyCrc === batch.bodyCrc
  )
}
