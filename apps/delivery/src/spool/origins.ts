// Where the lines of a spool come from: of each record how many lines it has, and what an error document says of it. Beside the spool, in
// memory while they are few, then in a file. Runs in the app. Read only where a format does not take a line.
import type { RecordOrigin } from '../engine/source-record.ts'
import { Heap, type HeapPlace } from './heap.ts'

/** Text that is put into the heap together. */
const TEXT_MAX = 4096

export class Origins {
  readonly #heap: Heap
  #text = ''
  /** Of the last record. */
  #shardId = ''
  #sequenceNumber = -1
  #arrivedAt = -1

  constructor(place: HeapPlace) {
    this.#heap = new Heap(place)
  }

  get memoryBytes(): number {
    return this.#heap.memoryBytes + this.#text.length
  }

  /** Takes the next record, of so many lines. */
  add(record: RecordOrigin, lines: number): void {
    const { shardId, sequenceNumber, subSequence, partitionKey, arrivedAt } = record
    const key = JSON.stringify(partitionKey)
    // Most records are one line, and follow the one before: of those the key says it all.
    const isNext = lines === 1 && sequenceNumber === this.#sequenceNumber + 1 && subSequence === undefined
    if (isNext && arrivedAt === this.#arrivedAt && shardId === this.#shardId) this.#text += `${key}\n`
    else {
      const place = `${lines},${sequenceNumber},${subSequence ?? -1},${arrivedAt}`
      this.#text += `[${place},${key},${JSON.stringify(shardId)}]\n`
      this.#shardId = shardId
      this.#arrivedAt = arrivedAt
    }
    this.#sequenceNumber = sequenceNumber
    if (this.#text.length >= TEXT_MAX) this.#keep()
  }

  async spill(): Promise<void> {
    this.#keep()
    await this.#heap.spill()
  }

  /** Returns the records of lines: numbers from 0, in rising order. */
  async of(lines: readonly number[]): Promise<readonly RecordOrigin[]> {
    this.#keep()
    const found: RecordOrigin[] = []
    let from = 0
    let last: RecordOrigin = { shardId: '', sequenceNumber: -1, partitionKey: '', arrivedAt: -1 }
    for await (const entry of this.#entries()) {
      const { origin, count } = originOf(entry, last)
      while (lines[found.length]! < from + count) found.push(origin)
      if (found.length === lines.length) return found
      from += count
      last = origin
    }
    throw new Error(`Line ${lines[found.length]} comes from no record: there are ${from}.`)
  }

  release(): Promise<void> {
    this.#text = ''
    return this.#heap.release()
  }

  #keep(): void {
    if (this.#text === '') return
    const bytes = Buffer.from(this.#text)
    this.#text = ''
    this.#heap.push(bytes)
  }

  async *#entries(): AsyncGenerator<Entry> {
    let rest = Buffer.alloc(0)
    for await (const chunk of this.#heap.chunks()) {
      const bytes = Buffer.concat([rest, chunk])
      const end = bytes.lastIndexOf('\n') + 1
      rest = bytes.subarray(end)
      for (const line of bytes.toString('utf8', 0, end).split('\n'))
        if (line !== '') yield JSON.parse(line) as Entry
    }
  }
}

/** A partition key alone: one line of the next record, which came at the same time. */
type Entry =
  | string
  | [
      lines: number,
      sequenceNumber: number,
      subSequence: number,
      arrivedAt: number,
      partitionKey: string,
      shardId: string,
    ]

function originOf(
  entry: Entry,
  { shardId, sequenceNumber, arrivedAt }: RecordOrigin,
): { readonly origin: RecordOrigin; readonly count: number } {
  if (typeof entry === 'string') {
    const origin = { shardId, sequenceNumber: sequenceNumber + 1, partitionKey: entry, arrivedAt }
    return { origin, count: 1 }
  }
  const [count, number, subSequence, at, partitionKey, shard] = entry
  const origin = { shardId: shard, sequenceNumber: number, partitionKey, arrivedAt: at }
  return { origin: subSequence < 0 ? origin : { ...origin, subSequence }, count }
}
