// Records as people see them, going in and coming out, and the checks of those that go in. Runs in the client, pure.
// read-record.ts makes those that come out.
import { hashKeyFromDecimal } from '../protocol/shards/hash-key.ts'
import type { HashKeyWords } from '../protocol/shards/hash-key.ts'
import { MillraceError } from '../protocol/millrace-error.ts'
import { quoteText, surrogateFault } from '../protocol/text/text.ts'
import { checkOption } from './options/check.ts'
import { nearest } from './options/nearest.ts'
import { bytesOrText, shown } from './options/option.ts'
import { recordFields } from './options/table.ts'
import type { BytesInput } from './codecs.ts'

/** A record to be appended. */
export interface RecordInput<T = BytesInput> {
  /** Records of one key go to one shard and keep their order. 1 to 256 characters. */
  readonly partitionKey: string
  /** The payload, as the codec takes it. */
  readonly data: T
  /** Overrides the hash of the partition key: a whole number below 2^128, as Kinesis writes it. */
  readonly explicitHashKey?: string | bigint | undefined
  /** When it happened; now, by default. The broker adds the time of arrival by itself. */
  readonly timestamp?: Date | number | undefined
  /** Named bytes beside the data; text is sent as UTF-8. */
  readonly headers?: Readonly<Record<string, BytesInput>> | undefined
}

/**
 * A record that was read. It cannot be changed. Its fields are its own and enumerable: `{ ...record }` and `Object.entries`
 * have all of them, and `JSON.stringify` prints bytes as text where they are text, and else as base64 in `dataBase64` and
 * `headersBase64`. Where the codec does not take the data, only what uses `data` fails, with `codecFailed`; a copy does,
 * and JSON has the error in its place. To send it to a worker, send `{ ...record }`: the record itself cannot be cloned.
 */
export interface StreamRecord<T = Uint8Array> {
  /** The shard that it was read from. */
  readonly shardId: string
  /** Rises strictly within the shard. */
  readonly sequenceNumber: number
  /** Decides the shard; records of one key are read in the order in which they were stored. */
  readonly partitionKey: string
  /** The payload through the codec. Throws `codecFailed` where the codec does not take it. */
  readonly data: T
  /** The payload as it was stored. */
  readonly bytes: Uint8Array
  /** When the broker took it. */
  readonly arrivalTime: Date
  /** When it happened, as its producer says. */
  readonly timestamp: Date
  /** Named bytes beside the data. */
  readonly headers: Readonly<Record<string, Uint8Array>>
  /** The hash key that was given in the place of that of the partition key: a decimal. */
  readonly explicitHashKey: string | undefined
}

/** Names that a record may have: those of one to be appended, and of one that was read, so that it can be appended elsewhere. */
const knownFields: ReadonlySet<string> = new Set([
  ...Object.keys(recordFields),
  'shardId',
  'sequenceNumber',
  'bytes',
  'arrivalTime',
])

/**
 * Throws `invalidArgument` for what is no record, and for a field that records do not have, or whose value is of another
 * kind. What is in the payload is for the codec to say.
 */
export function checkRecord(record: unknown): asserts record is RecordInput<unknown> {
  checkRecordFields(record)
  for (const name in record) if (!knownFields.has(name)) throw unknownField(name)
}

/** The same, but for the names of the fields: to look at them takes longer than all the rest. */
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

/** Throws `invalidArgument` for a text that UTF-8 cannot carry. */
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

/** Throws `invalidArgument` for what is no hash key. */
export function explicitHashKeyWords(key: string | bigint): HashKeyWords {
  return hashKeyFromDecimal(String(key), 'explicitHashKey')
}
