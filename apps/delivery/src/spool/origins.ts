// Where the lines of a spool come from: of each record how many lines it has, and what an error document says of it. Beside the spool, in
// memory while they are few, then in a file. Runs in the app. Read only where a format does not take a line.
import type { RecordOrigin } from '../engine/source-record.ts'
import { Heap, type HeapPlace } from './heap.ts'

/** Text that is put into the heap together. */
const TEXT_MAX = 4096

export class Origins {
  readonly #heap: Heap
  #text = ''
  #shardId: string | undefined

  constructor(place: HeapPlace) {
    this.#heap = new Heap(place)
  }

  get memoryBytes(): number {
    return this.#heap.memoryBytes + this.#text.length
  }

  /** Takes the next record, of so many lines. */
  add(
    { shardId, sequenceNumber, subSequence = -1, partitionKey, arrivedAt }: RecordOrigin,
    lines: number,
  ): void {
    const shard = shardId === this.#shardId ? '' : `,${JSON.stringify(shardId)}`
    this.#shardId = shardId
    this.#text += `[${lines},${sequenceNumber},${subSequence},${arrivedAt},${JSON.stringify(partitionKey)}${shard}]\n`
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
    let shardId = ''
    for await (const entry of this.#entries()) {
      const [count, sequenceNumber, subSequence, arrivedAt, partitionKey, shard] = entry
      shardId = shard ?? shardId
      const origin = { shardId, sequenceNumber, partitionKey, arrivedAt }
      while (lines[found.length]! < from + count)
        found.push(subSequence < 0 ? origin : { ...origin, subSequence })
      if (found.length === lines.length) return found
      from += count
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
    this.#heap.add([bytes], bytes.length)
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

type Entry = [
  lines: number,
  sequenceNumber: number,
  subSequence: number,
  arrivedAt: number,
  partitionKey: string,
  shardId?: string,
]
