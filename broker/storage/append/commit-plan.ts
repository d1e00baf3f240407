// The rows of one commit, collected before LMDB is called: the batches, and the other rows that must change in the same
// transaction. Runs on the owner thread. Used for one commit after another; values handed to LMDB stay unchanged until
// `clear`, because LMDB reads them while it writes.
import type { CommitSize, Writer } from '../environment.ts'
import { encodeKey, rowBytesOf, writeKey, writeRow } from '../rows/key-space.ts'
import { producerRow, type Producer } from './producer-table.ts'
import type { ShardLog } from './shard-log.ts'

const ROW_CHUNK_BYTES = 64 * 1024

export class CommitPlan {
  // Parallel columns, so that a batch needs no object.
  readonly #batches: Uint8Array[] = []
  readonly #batchSlots: number[] = []
  readonly #batchBases: number[] = []
  readonly #timeSlots: number[] = []
  readonly #timeArrivals: number[] = []
  readonly #timeBases: number[] = []
  readonly #logs: ShardLog[] = []
  readonly #producers: Producer[] = []
  /** Values of the rows, in the order in which `write` puts them. */
  readonly #rows: Uint8Array[] = []
  readonly #memory = new RowMemory()
  // One key buffer per kind: LMDB copies a key when it is put, so the next key can overwrite it.
  readonly #batchKey = encodeKey('batch')
  readonly #timeKey = encodeKey('time')
  readonly #headKey = encodeKey('head')
  readonly #producerKey = encodeKey('producer')
  #bytes = 0

  get isEmpty(): boolean {
    return this.#batches.length === 0 && this.#logs.length === 0
  }

  get batchCount(): number {
    return this.#batches.length
  }

  /** The rows and bytes of the commit, to reserve its disk room. */
  get size(): CommitSize {
    const rows = this.#batches.length + this.#timeBases.length + this.#logs.length + this.#producers.length
    return { rows, bytes: this.#bytes }
  }

  /** Bytes of the batches. */
  get bytes(): number {
    return this.#bytes
  }

  addBatch(slot: number, base: number, batch: Uint8Array): void {
    this.#batches.push(batch)
    this.#batchSlots.push(slot)
    this.#batchBases.push(base)
    this.#bytes += batch.length
  }

  addTime(slot: number, arrival: number, base: number): void {
    this.#timeSlots.push(slot)
    this.#timeArrivals.push(arrival)
    this.#timeBases.push(base)
  }

  /** Adds a shard whose head is written. A commit writes each head once, with the shard's state at `seal`. */
  addLog(log: ShardLog): void {
    if (log.isStaged) return
    log.isStaged = true
    this.#logs.push(log)
  }

  addProducer(producer: Producer): void {
    if (producer.isStaged) return
    producer.isStaged = true
    this.#producers.push(producer)
  }

  /** Encodes the rows. Nothing may be added afterwards. */
  seal(): void {
    const memory = this.#memory
    for (let i = 0; i < this.#timeBases.length; i++) {
      const key = this.#timeKeyAt(i)
      this.#rows.push(writeRow('time', key, memory.take(rowBytesOf('time')), { base: this.#timeBases[i]! }))
    }
    for (const log of this.#logs) {
      this.#rows.push(writeRow('head', this.#headKeyOf(log), memory.take(rowBytesOf('head')), log.head()))
    }
    for (const producer of this.#producers) {
      const key = this.#producerKeyOf(producer)
      const row = producerRow(producer)
      const target = memory.take(rowBytesOf('producer', row.entries.length))
      this.#rows.push(writeRow('producer', key, target, row))
    }
  }

  /** Puts all rows. It must not throw: LMDB would store the rows before the throw. */
  readonly write = (writer: Writer): void => {
    for (let i = 0; i < this.#batches.length; i++) {
      const key = writeKey('batch', this.#batchKey, this.#batchSlots[i], this.#batchBases[i])
      writer.put(key, this.#batches[i]!)
    }
    let row = 0
    for (let i = 0; i < this.#timeBases.length; i++) writer.put(this.#timeKeyAt(i), this.#rows[row++]!)
    for (const log of this.#logs) writer.put(this.#headKeyOf(log), this.#rows[row++]!)
    for (const producer of this.#producers) writer.put(this.#producerKeyOf(producer), this.#rows[row++]!)
  }

  #timeKeyAt(i: number): Uint8Array {
    return writeKey('time', this.#timeKey, this.#timeSlots[i], this.#timeArrivals[i])
  }

  #headKeyOf({ slot }: ShardLog): Uint8Array {
    return writeKey('head', this.#headKey, slot)
  }

  #producerKeyOf({ slot, producerId }: Producer): Uint8Array {
    return writeKey('producer', this.#producerKey, slot, producerId)
  }

  /** Empties the plan after the commit is settled. */
  clear(): void {
    for (const log of this.#logs) log.isStaged = false
    for (const producer of this.#producers) producer.isStaged = false
    const columns = [
      this.#batches,
      this.#batchSlots,
      this.#batchBases,
      this.#timeSlots,
      this.#timeArrivals,
      this.#timeBases,
      this.#logs,
      this.#producers,
      this.#rows,
    ]
    for (const column of columns) column.length = 0
    this.#memory.reset()
    this.#bytes = 0
  }
}

/** Memory for the values of rows: given out in pieces, taken back as a whole. Keeps one chunk between uses. */
class RowMemory {
  readonly #first = new Uint8Array(ROW_CHUNK_BYTES)
  #chunk = this.#first
  #used = 0

  take(bytes: number): Uint8Array {
    if (this.#used + bytes > this.#chunk.length) {
      this.#chunk = new Uint8Array(Math.max(ROW_CHUNK_BYTES, bytes))
      this.#used = 0
    }
    const piece = this.#chunk.subarray(this.#used, this.#used + bytes)
    this.#used += bytes
    return piece
  }

  reset(): void {
    this.#chunk = this.#first
    this.#used = 0
  }
}
