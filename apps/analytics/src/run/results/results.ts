// Results of a query as records of its targets. Pure.
import { createHash } from 'node:crypto'
import type { RecordInput, StreamRecord } from 'millrace'
import type { EngineRow } from '../../engine/index.ts'
import { numberOf, type RefusedRow, type RowRecord } from '../../rows/index.ts'
import type { FailedResults } from './failures.ts'

/** A record, and where it goes. */
export interface Result {
  readonly target: string
  readonly record: RecordInput
}

/** A column of this name is the partition key of a result, and no part of its payload. */
const KEY_COLUMN = 'partition_key'

const KEY_CHARACTERS_MAX = 256

/** Results that are stored together, at most. */
const CHUNK_RESULTS = 10_000
const CHUNK_BYTES = 8 * 1024 * 1024

/** Returns the record of a row: a JSON object. `names` are given to its columns, in order; none: those of the row. */
export function resultRecord(row: EngineRow, names: readonly string[]): RecordInput {
  const columns = Object.entries(row).map(([name, value], at) => [names[at] ?? name, value] as const)
  const key = columns.find(([name]) => name === KEY_COLUMN)?.[1]
  const data = JSON.stringify(Object.fromEntries(columns.filter(([name]) => name !== KEY_COLUMN)))
  return { partitionKey: keyOf(key) ?? keyOf(firstText(columns)) ?? hashOf(data), data }
}

function keyOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (text.length === 0) return undefined
  return text.length <= KEY_CHARACTERS_MAX && text.isWellFormed() ? text : hashOf(text)
}

/** The first text that is no time: what groups are of, most often. */
function firstText(columns: readonly (readonly [string, unknown])[]): unknown {
  return columns.find(([, value]) => typeof value === 'string' && !time.test(value))?.[1]
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/

function hashOf(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

/** Returns a record as it was, to be put into another stream. */
export function sameRecord({
  partitionKey,
  bytes,
  headers,
  timestamp,
  explicitHashKey,
}: StreamRecord): RecordInput {
  return {
    partitionKey,
    data: bytes,
    headers,
    timestamp,
    ...(explicitHashKey !== undefined && { explicitHashKey }),
  }
}

/** Returns what is told of a record that is no row. */
export function refusalRecord(stream: string, row: RefusedRow, record: RowRecord): RecordInput {
  const { bytes, partitionKey, shardId, arrivalTime } = record
  const data = {
    stream,
    shard_id: shardId,
    sequence_number: numberOf(record),
    arrival_time: arrivalTime.toISOString(),
    partition_key: partitionKey,
    ...(row.column !== undefined && { column: row.column }),
    reason: row.reason,
    data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
  }
  return { partitionKey, data: JSON.stringify(data) }
}

/**
 * Returns what is told of results that cannot be computed. Which of their rows fails first is not always the same, so the reason is no part of
 * it: of the same results there is the same record.
 */
export function failureRecord({
  target,
  span: { after, until },
}: Omit<FailedResults, 'reason'>): RecordInput {
  const momentOf = (microseconds: number) => new Date(microseconds / 1000).toISOString()
  const data = {
    target,
    ...(after !== null && { after: momentOf(after) }),
    ...(until !== null && { until: momentOf(until) }),
    reason: 'The results of this time cannot be computed: query explain says why.',
  }
  return { partitionKey: target, data: JSON.stringify(data) }
}

/** Gives results in chunks: of the same results the same ones. */
export async function* inChunks(
  results: AsyncIterable<Result>,
): AsyncGenerator<readonly Result[], void, undefined> {
  let chunk: Result[] = []
  let bytes = 0
  for await (const result of results) {
    chunk.push(result)
    bytes += result.record.data.length
    if (chunk.length < CHUNK_RESULTS && bytes < CHUNK_BYTES) continue
    yield chunk
    chunk = []
    bytes = 0
  }
  if (chunk.length > 0) yield chunk
}

/** Returns the records of each target, in order. */
export function byTarget(results: readonly Result[]): ReadonlyMap<string, readonly RecordInput[]> {
  const batches = new Map<string, RecordInput[]>()
  for (const { target, record } of results) {
    const batch = batches.get(target)
    if (batch === undefined) batches.set(target, [record])
    else batch.push(record)
  }
  return batches
}
