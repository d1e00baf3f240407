// Aggregated records as a codec: the data of a record are the records in it. Runs in the client, pure.
// A record is read, and counts as processed, as a whole. So positions and checkpoints need to know nothing of what is in it.
import { MillraceError } from '../errors.ts'
import { bytes, codecFailed, schemaJson, type BytesInput, type Codec } from '../codecs.ts'
import type { StandardSchema } from '../codecs/standard-schema.ts'
import { shown } from '../options/option.ts'
import type { RecordInput } from '../record.ts'
import { AggregateBuilder } from './aggregate-builder.ts'
import { readAggregated } from './aggregated-record.ts'
import { plainRecord, userRecordOf, type UserRecord } from './deaggregate.ts'
import { partOf } from './part.ts'

/**
 * Records in the aggregated format of the Kinesis Producer Library: `data` are the records that were packed into one, in their
 * order; one that was stored by itself is one alone. Encoding packs all that it is given into one record, whose partition key
 * is the caller's affair: `aggregate` sees to it, and to the sizes.
 *
 * Positions and checkpoints are those of the stored records: one counts as processed when all in it are. After a crash, the
 * records in it come again from the first on; `subSequenceNumber` tells them apart. An aggregated record that is malformed, or
 * whose codec does not take one of the records in it, fails as a whole with `codecFailed`.
 *
 * The data of the packed records are bytes, or what the codec, or the schema that checks JSON, makes of them.
 */
export function aggregated<In = BytesInput, Out = Uint8Array>(
  option?: Codec<In, Out> | { readonly schema: StandardSchema<In, Out> },
): Codec<Iterable<RecordInput<In>>, UserRecord<Out>[]> {
  const codec = codecOf(option)
  return {
    name: `aggregated ${codec.name}`,
    encode(records) {
      if (typeof (records as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] !== 'function') {
        throw refused(`data is ${shown(records)}, not a list of records`)
      }
      const builder = new AggregateBuilder()
      for (const record of records) builder.add(partOf(record, codec))
      if (builder.recordCount === 0) throw refused('an aggregated record has at least one record in it')
      return builder.build()
    },
    decode(data, record) {
      const parts = readAggregated(data)
      if (parts !== undefined) return parts.map((part, place) => decoded(userRecordOf(part, place), codec))
      if (record === undefined) throw refused('the payload is not aggregated, and no record tells its key')
      return [decoded(plainRecord(record, data), codec)]
    },
  }
}

function codecOf<In, Out>(
  option: Codec<In, Out> | { readonly schema: StandardSchema<In, Out> } | undefined,
): Codec<In, Out> {
  // Without an option, the types are those of `bytes`, which are the defaults.
  if (option === undefined) return bytes as Codec<unknown> as Codec<In, Out>
  return 'schema' in option ? schemaJson(option.schema) : option
}

function decoded<Out>(record: UserRecord, codec: Codec<never, Out>): UserRecord<Out> {
  try {
    return { ...record, data: codec.decode(record.data, record) }
  } catch (cause) {
    throw codecFailed(codec, `Record ${record.subSequenceNumber} in it`, cause)
  }
}

function refused(reason: string): MillraceError {
  return new MillraceError('codecFailed', `${reason}.`)
}
