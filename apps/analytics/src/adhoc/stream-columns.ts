// The columns of a stream: given, or found in a sample of what it holds. Runs wherever there is a client.
import type { Client, Position } from 'millrace'
import type { EngineSession } from '../engine/index.ts'
import { foundColumns, recordColumns, type RowColumn } from '../rows/index.ts'

/** Records of a sample, from all shards together. */
const SAMPLE_RECORDS = 1000

/** Given types of fields of the payload, by column. */
export type GivenColumns = Readonly<Record<string, string>>

export interface ColumnsRequest {
  readonly client: Client
  readonly session: EngineSession
  readonly stream: string
  readonly from: Position
  readonly given: GivenColumns | undefined
  /** For a file of the sample. */
  readonly path: string
  readonly signal: AbortSignal | undefined
}

/** Returns the fields of the payload, then the columns that every record has. Rejects with `streamNotFound`. */
export async function streamColumns(request: ColumnsRequest): Promise<readonly RowColumn[]> {
  const { given } = request
  const fields =
    given === undefined
      ? await sampledColumns(request)
      : Object.entries(given).map(([name, type]) => ({ name, type }))
  return [...fields, ...Object.entries(recordColumns).map(([name, { type }]) => ({ name, type }))]
}

/** The same number of records of each shard, the oldest that count. */
async function sampledColumns(request: ColumnsRequest): Promise<readonly RowColumn[]> {
  const { client, session, stream, from, path, signal } = request
  const shards: string[] = []
  for await (const { shardId } of client.listShards(stream)) shards.push(shardId)
  const each = Math.ceil(SAMPLE_RECORDS / Math.max(1, shards.length))
  const payloads: Uint8Array[] = []
  for (const shard of shards) {
    const { records } = await client.fetch(stream, {
      shard,
      from,
      recordsMax: each,
      onTrimmed: 'horizon',
      ...(signal !== undefined && { signal }),
    })
    for (const { bytes } of records) payloads.push(bytes)
  }
  return foundColumns(session, payloads, path)
}
