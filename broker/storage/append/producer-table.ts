// The idempotent producers that an owner remembers. Runs on the owner thread, pure. A retried batch is stored once,
// because this table's rows are committed in the same transaction as the batches. The table is bounded, and so is each
// client's share of it. The producer idle longest is forgotten first; a producer that may still retry is never
// forgotten, because its first batch would pass for a new producer's.
import { limits } from '../../../protocol/limits.ts'
import type { ProducerRow } from '../rows/key-space.ts'
import type { ProducerBatch, ProducerState, WindowEntry } from './producer-decision.ts'
import { ProducerShares, type ProducerOrigin } from './producer-shares.ts'
import type { Clock } from '../../time.ts'

const NOBODY: ProducerOrigin = { holder: 0, address: 0, most: 0 }

/** One producer at one shard. */
export interface Producer extends ProducerState {
  readonly slot: number
  readonly producerId: number
  /** The holder and address whose share it counts for. */
  origin: ProducerOrigin
  tag: number
  epoch: number
  nextSequence: number
  /** Arrival time of its newest batch. */
  usedAt: number
  /** Time of its last use by the monotonic clock: the arrival clock may be set. */
  seenAt: number
  window: WindowEntry[]
  /** True while the commit being collected holds batches of this producer. */
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
  readonly #elapsed: Clock
  readonly #onForget: (producer: Producer) => void

  /** `onForget` is called for each producer that is removed for room. `elapsed` is a monotonic clock, in milliseconds. */
  constructor(options: { max?: number; elapsed: Clock; onForget: (producer: Producer) => void }) {
    this.#max = options.max ?? limits.producersPerOwnerMax
    this.#elapsed = options.elapsed
    this.#onForget = options.onForget
  }

  get size(): number {
    return this.#size
  }

  /**
   * True if a new producer may be added: the table, its origin's shares and its quota have room. Makes room only by forgetting
   * producers that were idle for long enough.
   */
  admits(origin: ProducerOrigin): boolean {
    while (!this.#shares.admits(origin, this.#max - this.#size)) {
      const oldest = this.#oldest
      if (oldest === undefined || this.#elapsed() - oldest.seenAt < limits.producerIdleMsMin) return false
      this.#forget(oldest)
    }
    return true
  }

  /** Adds a new producer, after `admits`. */
  add(slot: number, producerId: number, from: ProducerOrigin & Pick<ProducerRow, 'tag'>): Producer {
    const { tag, holder, address, most } = from
    const row = { tag, epoch: 0, nextSequence: 0, usedAt: 0, entries: [] }
    return this.#add(slot, producerId, row, { holder, address, most }, this.#elapsed())
  }

  /**
   * Adds a stored producer. Call it in the order of use: if there are too many, the first ones are forgotten. It counts
   * for no share until it is used again.
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

  /** Notes a stored batch and moves its producer to the end of the order of use. */
  store(
    producer: Producer,
    batch: ProducerBatch & ProducerOrigin,
    stored: Pick<WindowEntry, 'base' | 'arrival'>,
  ): void {
    const { firstSequence, recordCount, bodyCrc, epoch, tag } = batch
    producer.tag = tag
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

  /** A producer that returns on another connection, or under another name, counts for that one. */
  #charge(producer: Producer, { holder, address, most }: ProducerOrigin): void {
    const { origin } = producer
    if (origin.holder === holder && origin.address === address) return
    this.#shares.give(origin)
    producer.origin = { holder, address, most }
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

/** The row that stores a producer. */
export function producerRow({ tag, epoch, nextSequence, usedAt, window }: Producer): ProducerRow {
  return { tag, epoch, nextSequence, usedAt, entries: window }
}
