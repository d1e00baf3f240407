// What the owner remembers of idempotent producers. Runs on the owner thread, pure. A retry of a batch is stored once: the rows
// behind this table are committed in the same transaction as the batches. The table is bounded, and so is what one client may
// fill of it: the producer that was silent longest is forgotten first, and none that may still send a batch again, because its
// first one would be taken for a new producer's.
import { limits } from '../../../protocol/limits.ts'
import type { ProducerRow } from '../key-space.ts'
import type { ProducerBatch, ProducerState, WindowEntry } from './producer-decision.ts'
import { ProducerShares, type ProducerOrigin } from './producer-shares.ts'

const NOBODY: ProducerOrigin = { session: 0, address: 0 }

/** What is known of one producer at one shard. */
export interface Producer extends ProducerState {
  readonly slot: number
  readonly producerId: number
  /** Whose share it counts for. */
  origin: ProducerOrigin
  epoch: number
  nextSequence: number
  /** Arrival time of its newest batch. */
  usedAt: number
  /** When it was used last, by the monotonic clock: arrival times follow a clock that may be set. */
  seenAt: number
  window: WindowEntry[]
  /** True while the commit that is being put together has batches of it. */
  isStaged: boolean
  /** Neighbours in the order of use. */
  older: Producer | undefined
  newer: Producer | undefined
}

/** All producers of an owner, in the order of use. */
export class ProducerTable {
  readonly #max: number
  #size = 0
  #oldest: Producer | undefined
  #newest: Producer | undefined
  readonly #shares = new ProducerShares()
  readonly #elapsed: () => number
  readonly #onForget: (producer: Producer) => void

  /** `onForget` is told of each producer that no longer fits. `elapsed` is a monotonic clock. */
  constructor(options: { max?: number; elapsed: () => number; onForget: (producer: Producer) => void }) {
    this.#max = options.max ?? limits.producersPerOwnerMax
    this.#elapsed = options.elapsed
    this.#onForget = options.onForget
  }

  get size(): number {
    return this.#size
  }

  /**
   * True if a new producer may be taken in: there is room in the table and in its origin's shares of it. Makes room by
   * forgetting those that have been silent for long enough, and no other.
   */
  admits(origin: ProducerOrigin): boolean {
    while (!this.#shares.admits(origin, this.#max - this.#size)) {
      const oldest = this.#oldest
      if (oldest === undefined || this.#elapsed() - oldest.seenAt < limits.producerIdleMsMin) return false
      this.#forget(oldest)
    }
    return true
  }

  /** Takes a new producer in, after `admits`. */
  add(slot: number, producerId: number, from: ProducerOrigin & Pick<ProducerRow, 'tag'>): Producer {
    const { tag, session, address } = from
    const row = { tag, epoch: 0, nextSequence: 0, usedAt: 0, entries: [] }
    return this.#add(slot, producerId, row, { session, address }, this.#elapsed())
  }

  /**
   * Takes a producer in as it was stored, in the order of use: where there are too many, the first ones are forgotten. Whose
   * share it is will show when it is used again.
   */
  load(slot: number, producerId: number, stored: { row: ProducerRow; idleMs: number }): Producer {
    const seenAt = this.#elapsed() - Math.max(0, stored.idleMs)
    const producer = this.#add(slot, producerId, stored.row, NOBODY, seenAt)
    if (this.#size > this.#max) this.#forget(this.#oldest!)
    return producer
  }

  #add(slot: number, producerId: number, row: ProducerRow, origin: ProducerOrigin, seenAt: number): Producer {
    const producer: Producer = {
      slot,
      producerId,
      tag: row.tag,
      origin,
      epoch: row.epoch,
      nextSequence: row.nextSequence,
      usedAt: row.usedAt,
      seenAt,
      window: row.entries,
      isStaged: false,
      older: undefined,
      newer: undefined,
    }
    this.#append(producer)
    this.#shares.take(origin)
    this.#size++
    return producer
  }

  #forget(producer: Producer): void {
    this.remove(producer)
    this.#onForget(producer)
  }

  remove(producer: Producer): void {
    this.#detach(producer)
    this.#shares.give(producer.origin)
    this.#size--
  }

  /** Notes a stored batch and makes its producer the newest. */
  store(
    producer: Producer,
    batch: ProducerBatch & ProducerOrigin,
    stored: Pick<WindowEntry, 'base' | 'arrival'>,
  ): void {
    const { firstSequence, recordCount, bodyCrc, epoch } = batch
    if (epoch !== producer.epoch) producer.window = []
    producer.epoch = epoch
    producer.nextSequence = firstSequence + recordCount
    producer.usedAt = stored.arrival
    producer.seenAt = this.#elapsed()
    this.#charge(producer, batch)
    producer.window.push({ firstSequence, recordCount, bodyCrc, ...stored })
    if (producer.window.length > limits.producerWindowBatches) producer.window.shift()
    if (producer === this.#newest) return
    this.#detach(producer)
    this.#append(producer)
  }

  /** A producer that comes back on another connection counts for that one. */
  #charge(producer: Producer, { session, address }: ProducerOrigin): void {
    const { origin } = producer
    if (origin.session === session && origin.address === address) return
    this.#shares.give(origin)
    producer.origin = { session, address }
    this.#shares.take(producer.origin)
  }

  /** Oldest first. */
  *[Symbol.iterator](): Iterator<Producer> {
    for (let producer = this.#oldest; producer !== undefined; producer = producer.newer) yield producer
  }

  #append(producer: Producer): void {
    producer.older = this.#newest
    producer.newer = undefined
    if (this.#newest) this.#newest.newer = producer
    else this.#oldest = producer
    this.#newest = producer
  }

  #detach(producer: Producer): void {
    if (producer.older) producer.older.newer = producer.newer
    else this.#oldest = producer.newer
    if (producer.newer) producer.newer.older = producer.older
    else this.#newest = producer.older
  }
}

/** The row that keeps a producer on disk. */
export function producerRow({ tag, epoch, nextSequence, usedAt, window }: Producer): ProducerRow {
  return { tag, epoch, nextSequence, usedAt, entries: window }
}
