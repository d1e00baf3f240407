// Records as applications see them: those to append and those that were read; and the checks of records to append. Runs in
// the client, pure. read-record.ts makes the records that were read.
import { hashKeyFromDecimal } from '../protocol/shards/hash-key.ts'
import type { HashKeyWords } from '../protocol/shards/hash-key.ts'
import { MillraceError } from '../protocol/millrace-error.ts'
import { quoteText, surrogateFault } from '../protocol/text/text.ts'
import { checkOption } from './options/check.ts'
import { nearest } from './options/nearest.ts'
import { bytesOrText, shown } from './options/option.ts'
import { recordFields } from './options/table.ts'
import type { BytesInput } from './codecs.ts'

/** A record to append. */
export interface RecordInput<T = BytesInput> {
  /** Records of one key go to one shard and keep their order. 1 to 256 characters. */
  readonly partitionKey: string
  /** The payload, as the codec takes it. */
  readonly data: T
  /** Overrides the hash of the partition key: a whole number below 2^128, as Kinesis writes it. */
  readonly explicitHashKey?: string | bigint | undefined
  /** When it happened; by default now. The broker adds the arrival time itself. */
  readonly timestamp?: Date | number | undefined
  /** Named bytes beside the data; text is sent as UTF-8. */
  readonly headers?: Readonly<Record<string, BytesInput>> | undefined
}

/**
 * A record that was read. It cannot be changed. `{ ...record }` and `Object.entries` have all of its fields. `JSON.stringify`
 * prints bytes as text if they are text, otherwise as base64 in `dataBase64` and `headersBase64`. If the codec does not take
 * the data, reading `data` throws `codecFailed`, and so does `{ ...record }`; all other fields still work, and JSON shows the
 * error in place of the data. The record itself cannot be cloned: send `{ ...record }` to a worker.
 */
export interface StreamRecord<T = Uint8Array> {
  /** The shard from which it was read. */
  readonly shardId: string
  /** Rises strictly within the shard. */
  readonly sequenceNumber: number
  /** Decides the shard. Records of one key are read in the order in which they were stored. */
  readonly partitionKey: string
  /** The payload, decoded by the codec. Throws `codecFailed` if the codec does not take it. */
  readonly data: T
  /** The payload as it was stored. */
  readonly bytes: Uint8Array
  /** When the broker took the record. */
  readonly arrivalTime: Date
  /** When it happened, according to its producer. */
  readonly timestamp: Date
  /** Named bytes beside the data. */
  readonly headers: Readonly<Record<string, Uint8Array>>
  /** The hash key that the producer gave instead of the partition key's hash: a decimal; undefined if it gave none. */
  readonly explicitHashKey: string | undefined
}

/** Fields that a record to append may have, those of a read record included: it can be appended to another stream. */
const knownFields: ReadonlySet<string> = new Set([
  ...Object.keys(recordFields),
  'shardId',
  'sequenceNumber',
  'bytes',
  'arrivalTime',
])

/**
 * Throws `invalidArgument` if the value is no record, has a field that records do not have, or has a field with a value of the
 * wrong kind. The codec checks the payload.
 */
export function checkRecord(record: unknown): asserts record is RecordInput<unknown> {
  checkRecordFields(record)
  for (const name in record) if (!knownFields.has(name)) throw unknownField(name)
}

/** Checks like `checkRecord`, except for unknown fields: that check takes longer than all others. */
export function checkRecordFields(record: unknown): asserts record is RecordInput<unknown> {
  if (typeof record !== 'object' || record === null) {
    throw new MillraceError(
      'invalidArgument',
      `The record is ${shown(record)}; it must be an object with partitionKey and data.`,
    )
  }
  const { partitionKey, explicitHashKey, timestamp, headers } = record as Partial<RecordInput<unknown>>
  if (typeof partitionKey !== 'string') checkOption('partitionKey', recordFields.partitionKey, partitionKey)
  if (explicitHashKey !== undefined) {
    checkOption('explicitHashKey', recordFields.explicitHashKey, explicitHashKey)
  }
  if (timestamp !== undefined) checkOption('timestamp', recordFields.timestamp, timestamp)
  if (headers !== undefined) checkOption('headers', recordFields.headers, headers)
}

function unknownField(name: string): MillraceError {
  const names = Object.keys(recordFields)
  const meant = nearest(name, names)
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
  return new MillraceError('invalidArgument', `A record has no ${name}.${hint} It has ${names.join(', ')}.`)
}

const encoder = new TextEncoder()

/** Returns headers with texts as UTF-8. Throws `invalidArgument` for a text that UTF-8 cannot carry. */
export function headersToBytes(
  headers: Readonly<Record<string, BytesInput>>,
): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (typeof value !== 'string') {
        checkOption(`headers[${quoteText(name)}]`, bytesOrText, value)
        return [name, value]
      }
      const fault = surrogateFault(value)
      if (fault === undefined) return [name, encoder.encode(value)]
      throw new MillraceError('invalidArgument', `The text of header ${quoteText(name)} ${fault}.`)
    }),
  )
}

/** Returns an explicit hash key as words. Throws `invalidArgument` if it is no hash key. */
export function explicitHashKeyWords(key: string | bigint): HashKeyWords {
  return hashKeyFromDecimal(String(key), 'explicitHashKey')
}
