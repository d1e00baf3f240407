// The columns of a stream: given, registered, or found in a sample of what it holds. Runs wherever there is a client.
import type { Client, Position } from 'millrace'
import type { EngineSession } from '../engine/index.ts'
import { foundColumns, recordColumns, type RowColumn } from '../rows/index.ts'
import { registeredColumns } from './schema/stream-schemas.ts'

/** Records of a sample, from all shards together. */
const SAMPLE_RECORDS = 1000

/** Given types of fields of the payload, by column. */
export type GivenColumns = Readonly<Record<string, string>>

export interface SampleRequest {
  readonly client: Client
  readonly session: EngineSession
  readonly stream: string
  /** LATEST: the newest records. */
  readonly from: Position
  /** For a file of the sample. */
  readonly path: string
  readonly signal: AbortSignal | undefined
}

/** Returns the fields of the payload, then the columns that every record has. Rejects with `streamNotFound`. */
export async function streamColumns(
  request: SampleRequest & { readonly given: GivenColumns | undefined },
): Promise<readonly RowColumn[]> {
  return withRecordColumns(request.given ?? (await foundFields(request)))
}

/** Returns the fields of the payload as they are registered, or else as they are found in a sample. */
export async function foundFields(request: SampleRequest): Promise<GivenColumns> {
  const registered = await registeredColumns(request.client, request.stream)
  return registered ?? givenBy(await sampledColumns(request))
}

/** Returns the fields of the payload, then the columns that every record has. */
export function withRecordColumns(fields: GivenColumns): readonly RowColumn[] {
  return [
    ...Object.entries(fields).map(([name, type]) => ({ name, type })),
    ...Object.entries(recordColumns).map(([name, { type }]) => ({ name, type })),
  ]
}

/** Returns columns as they are given. */
export function givenBy(columns: readonly RowColumn[]): GivenColumns {
  return Object.fromEntries(columns.map(({ name, type }) => [name, type]))
}

/** Finds fields of the payload in the same number of records of each shard: the oldest from there, or the newest. */
async function sampledColumns(request: SampleRequest): Promise<readonly RowColumn[]> {
  const { client, session, stream, path, signal } = request
  const shards: string[] = []
  for await (const { shardId } of client.listShards(stream)) shards.push(shardId)
  const each = Math.ceil(SAMPLE_RECORDS / Math.max(1, shards.length))
  const payloads: Uint8Array[] = []
  for (const shard of shards) {
    const from = request.from === 'LATEST' ? await newest(request, shard, each) : request.from
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

async function newest(
  { client, stream, signal }: SampleRequest,
  shard: string,
  count: number,
): Promise<Position> {
  const { tail } = await client.resolvePosition(stream, {
    shard,
    from: 'LATEST',
    ...(signal !== undefined && { signal }),
  })
  return { atSequenceNumber: Math.max(0, tail - count) }
}
