// Feeds readers of records from memory, in whatever pieces, and keeps what they make of it.
import { isInvalid, type InvalidLine, type RecordReader } from '../../../cli/input/record-reader.ts'

export interface Outcome {
  readonly records: readonly (readonly [key: string, data: string])[]
  readonly invalid: readonly InvalidLine[]
}

/** What a reader makes of some chunks; data as Latin-1, which keeps every byte apart. */
export async function readAll(reader: RecordReader, ...chunks: (string | Uint8Array)[]): Promise<Outcome> {
  async function* source() {
    await Promise.resolve()
    for (const chunk of chunks) yield Buffer.from(chunk as string)
  }
  const records: [string, string][] = []
  const invalid: InvalidLine[] = []
  for await (const items of reader(source())) {
    for (const item of items) {
      if (isInvalid(item)) invalid.push(item)
      else records.push([item.partitionKey, Buffer.from(item.data).toString('latin1')])
    }
  }
  return { records, invalid }
}

/** The same bytes in pieces. */
export function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
  return [...places, bytes.length].map((end, index) => bytes.subarray(places[index - 1] ?? 0, end))
}
