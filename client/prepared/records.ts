// The records of one prepared append, checked, with their hash keys. Runs in the client, pure. They are encoded from the caller's
// own records, each time that they are laid out, so these must not change before the append is settled.
import type { RecordFields } from '../../protocol/batch/record.ts'
import { bytes, encodePayload } from '../codecs.ts'
import type { HashKeyCache } from '../producer/batches/hash-key-cache.ts'
import { checkRecord, explicitHashKeyWords, headersToBytes, type RecordInput } from '../record.ts'

export class PreparedRecords {
  /** Hash key of each record, four words each. */
  readonly hashKeys: Uint32Array
  readonly #records: readonly RecordInput[]
  /** Of records that say nothing of when they happened. */
  readonly #timestamp: number

  /** Throws `invalidArgument` for what is no record. */
  constructor(records: readonly RecordInput[], { hashKeys, now }: { hashKeys: HashKeyCache; now: number }) {
    this.#records = records
    this.#timestamp = now
    this.hashKeys = new Uint32Array(records.length * 4)
    for (const [i, record] of records.entries()) {
      checkRecord(record)
      const { explicitHashKey } = record
      if (explicitHashKey !== undefined) {
        this.hashKeys.set(explicitHashKeyWords(explicitHashKey), i * 4)
        continue
      }
      const at = hashKeys.find(record.partitionKey)
      for (let word = 0; word < 4; word++) this.hashKeys[i * 4 + word] = hashKeys.words[at + word]!
    }
  }

  get length(): number {
    return this.#records.length
  }

  /** The fields of a record, as they are encoded. */
  fields(index: number): RecordFields {
    const record = this.#records[index]!
    const { partitionKey, timestamp, explicitHashKey, headers } = record
    return {
      partitionKey,
      data: encodePayload(bytes, record),
      timestamp: timestamp === undefined ? this.#timestamp : Number(timestamp),
      explicitHashKey: explicitHashKey === undefined ? undefined : explicitHashKeyWords(explicitHashKey),
      headers: headers === undefined ? undefined : headersToBytes(headers),
    }
  }
}
