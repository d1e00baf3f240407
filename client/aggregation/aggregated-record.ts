// The aggregated record of the Kinesis Producer Library: the payload of one record, in which there are many, and how to read
// it. Runs in the client, pure. aggregate-builder.ts writes it; both are proven against aws-kinesis-agg.
//
//   ┌─────────────┬─────────────────────────────┬────────────┐
//   │ F3 89 9A C2 │ AggregatedRecord (protobuf) │ its MD5    │
//   │ 4 bytes     │                             │ 16 bytes   │
//   └─────────────┴─────────────────────────────┴────────────┘
//   AggregatedRecord  1 repeated string partition_key_table, 2 repeated string explicit_hash_key_table, 3 repeated Record
//   Record            1 uint64 partition_key_index, 2 optional uint64 explicit_hash_key_index, 3 bytes data, 4 repeated Tag
//   Tags are skipped, as by the Kinesis Client Library, and so are fields that there are not yet.
import { hash } from 'node:crypto'
import { ProtobufCursor, malformedAggregate, wireTypes } from './protobuf-cursor.ts'

/** Begins every aggregated payload. */
export const MAGIC = Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2)
/** Length of the MD5 at the end. */
export const DIGEST_BYTES = 16

/** Fields of the message. */
export const tables = { partitionKeys: 1, explicitHashKeys: 2, records: 3 } as const
/** Fields of one record in it. */
export const fields = { partitionKeyIndex: 1, explicitHashKeyIndex: 2, data: 3 } as const

/** One of the records in an aggregated one. */
export interface AggregatedPart {
  readonly partitionKey: string
  readonly explicitHashKey: string | undefined
  readonly data: Uint8Array
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Returns the records in a payload, whose data are views on it; undefined if it is not aggregated: without the magic number,
 * or with a checksum that does not match. Throws `codecFailed` where the checksum matches and the message is malformed.
 */
export function readAggregated(payload: Uint8Array): AggregatedPart[] | undefined {
  const end = payload.length - DIGEST_BYTES
  if (end <= MAGIC.length || !MAGIC.every((byte, i) => payload[i] === byte)) return undefined
  const digest = hash('md5', payload.subarray(MAGIC.length, end), 'buffer')
  if (digest.compare(payload, end) !== 0) return undefined
  const partitionKeys: string[] = []
  const explicitHashKeys: string[] = []
  const spans: number[] = []
  const cursor = new ProtobufCursor(payload, MAGIC.length, end)
  while (cursor.next()) {
    const { from, to } = cursor
    if (cursor.is(tables.partitionKeys, wireTypes.bytes)) partitionKeys.push(textAt(payload, from, to))
    else if (cursor.is(tables.explicitHashKeys, wireTypes.bytes)) {
      explicitHashKeys.push(textAt(payload, from, to))
    } else if (cursor.is(tables.records, wireTypes.bytes)) spans.push(from, to)
  }
  // The tables may stand behind the records, so no index is looked up before all is read.
  const parts: AggregatedPart[] = []
  for (let i = 0; i < spans.length; i += 2) {
    cursor.enter(spans[i]!, spans[i + 1]!)
    parts.push(partAt(payload, cursor, { partitionKeys, explicitHashKeys, place: i / 2 }))
  }
  return parts
}

interface Tables {
  readonly partitionKeys: readonly string[]
  readonly explicitHashKeys: readonly string[]
  /** Number of the record, for messages. */
  readonly place: number
}

/** Reads the message that the cursor has entered. Of a field that is there twice, the last one counts. */
function partAt(payload: Uint8Array, cursor: ProtobufCursor, tables: Tables): AggregatedPart {
  let keyIndex: number | undefined
  let hashKeyIndex: number | undefined
  let data: Uint8Array | undefined
  while (cursor.next()) {
    if (cursor.is(fields.partitionKeyIndex, wireTypes.varint)) keyIndex = cursor.value
    else if (cursor.is(fields.explicitHashKeyIndex, wireTypes.varint)) hashKeyIndex = cursor.value
    else if (cursor.is(fields.data, wireTypes.bytes)) data = payload.subarray(cursor.from, cursor.to)
  }
  const { partitionKeys, explicitHashKeys, place } = tables
  if (keyIndex === undefined) throw malformedAggregate(`record ${place} has no partition key`)
  if (data === undefined) throw malformedAggregate(`record ${place} has no data`)
  return {
    partitionKey: textOf(partitionKeys, keyIndex, `the partition key of record ${place}`),
    explicitHashKey:
      hashKeyIndex === undefined
        ? undefined
        : textOf(explicitHashKeys, hashKeyIndex, `the explicit hash key of record ${place}`),
    data,
  }
}

function textOf(table: readonly string[], index: number, what: string): string {
  const text = table[index]
  if (text === undefined) throw malformedAggregate(`${what} is number ${index} of ${table.length}, from 0`)
  return text
}

function textAt(payload: Uint8Array, from: number, to: number): string {
  try {
    return strictUtf8.decode(payload.subarray(from, to))
  } catch {
    throw malformedAggregate('a key in it is not UTF-8')
  }
}
