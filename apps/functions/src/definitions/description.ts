// Functions and mappings as they are now: the definition, what the app says of it, the lag of the group, and what is kept of each shard. Runs
// wherever there is a client.
import { MillraceError, type Client, type GroupDescription } from 'millrace'
import { functionKinds, type EventSourceReport } from 'millrace/protocol'
import type { ShardProgress } from '../progress/shard-progress.ts'
import { getFunction, type NamedFunction } from './functions.ts'
import { getMapping, listMappings, mappingGroup, type NamedMapping } from './mappings.ts'

/** A mapping as it is now. */
export interface MappingDescription extends NamedMapping {
  /** Undefined before an app has taken the mapping on. */
  readonly report: EventSourceReport | undefined
  /** Lag and reason of each shard; undefined before an app has begun. */
  readonly group: GroupDescription | undefined
  /** What is kept of shards, by `streamId/shardIndex`: retries, windows, and why they stand still. */
  readonly shards: Readonly<Record<string, ShardProgress>>
}

/** A function with its mappings as they are now. */
export interface FunctionDescription extends NamedFunction {
  readonly mappings: readonly MappingDescription[]
}

/** Describes a function. */
export async function describeFunction(client: Client, name: string): Promise<FunctionDescription> {
  const found = await getFunction(client, name)
  const mappings = await listMappings(client, { function: name })
  return {
    ...found,
    mappings: await Promise.all(mappings.map((mapping) => describedMapping(client, mapping))),
  }
}

/** Describes a mapping. */
export async function describeMapping(client: Client, uuid: string): Promise<MappingDescription> {
  return describedMapping(client, await getMapping(client, uuid))
}

async function describedMapping(client: Client, named: NamedMapping): Promise<MappingDescription> {
  const { uuid } = named
  const report = await client.documents<EventSourceReport>(functionKinds.reports).get(uuid)
  const shards: Record<string, ShardProgress> = {}
  const streamId = await streamIdOf(client, named.mapping.source.stream)
  const progress = client.documents<ShardProgress>(functionKinds.progress)
  for await (const { name, value } of progress.list({ prefix: `${uuid}/` })) {
    const place = name.slice(uuid.length + 1)
    const [stream, ...inStream] = place.split('/')
    // Parts of a large state lie below the document of their shard. A stream that was made again has left what was kept of the former one.
    if (inStream.length === 1 && Number(stream) === streamId) shards[place] = value
  }
  return { ...named, report: report?.value, group: await groupOf(client, uuid), shards }
}

/** Undefined where there is no such stream now. */
async function streamIdOf(client: Client, stream: string): Promise<number | undefined> {
  try {
    return (await client.describeStream(stream)).id
  } catch (error) {
    if (MillraceError.is(error, 'streamNotFound')) return undefined
    throw error
  }
}

async function groupOf(client: Client, uuid: string): Promise<GroupDescription | undefined> {
  try {
    return await client.describeGroup(mappingGroup(uuid))
  } catch (error) {
    if (MillraceError.is(error, 'groupNotFound')) return undefined
    throw error
  }
}
