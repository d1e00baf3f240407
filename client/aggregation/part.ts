// Turns a record of the application into what an aggregated record can hold, or refuses it. Runs in the client, pure.
import { hashPartitionKey, type HashKeyWords } from '../../protocol/shards/hash-key.ts'
import { limits } from '../../protocol/limits.ts'
import { checkText, quoteText } from '../../protocol/text/text.ts'
import { encodePayload, type Codec } from '../codecs.ts'
import { MillraceError } from '../errors.ts'
import { checkRecord, explicitHashKeyWords, type RecordInput } from '../record.ts'
import type { AggregatedPart } from './aggregated-record.ts'

/**
 * Returns the record with its data encoded, in memory of its own. Throws `codecFailed`, and `invalidArgument` for what is no
 * record, for keys that Kinesis does not take, and for headers, which the format has no place for.
 */
export function partOf<In>(record: RecordInput<In>, codec: Codec<In, unknown>): AggregatedPart {
  checkRecord(record)
  const { partitionKey, explicitHashKey, headers } = record
  if (partitionKey.length === 0 || partitionKey.length > limits.partitionKeyLengthMax) {
    throw refused(
      `A partition key has 1 to ${limits.partitionKeyLengthMax} characters; this one has ${partitionKey.length}.`,
    )
  }
  checkText('The partition key', partitionKey)
  if (explicitHashKey !== undefined) explicitHashKeyWords(explicitHashKey)
  if (headers !== undefined && Object.keys(headers).length > 0) {
    throw refused(
      `The record with partition key ${quoteText(partitionKey)} has headers, which an aggregated record has no place for.`,
    )
  }
  return {
    partitionKey,
    explicitHashKey: explicitHashKey === undefined ? undefined : String(explicitHashKey),
    // A copy: the codec, or the caller, may use the memory again before the record is written.
    data: new Uint8Array(encodePayload(codec, record)),
  }
}

/** Returns the hash key of a partition key. Throws `invalidArgument` for a key that UTF-8 cannot carry. */
export function hashKeyOf(partitionKey: string): HashKeyWords {
  const words = new Uint32Array(4)
  hashPartitionKey(partitionKey, words, 0)
  return words
}

function refused(message: string): MillraceError {
  return new MillraceError('invalidArgument', message)
}
