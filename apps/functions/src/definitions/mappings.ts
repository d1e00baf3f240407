// Event source mappings as documents of the broker: made, listed, changed, paused and deleted. Runs wherever there is a client. Refusals
// are `DefinitionFault`s.
import { MillraceError, type Client, type Documents } from 'millrace'
import {
  functionKinds,
  MAPPING_BEING_MADE,
  mappingBefore,
  parseShardId,
  shardIdOf,
  type EventSourceMapping,
  type KeptMapping,
  type SkippedRecords,
} from 'millrace/protocol'
import { checkedMapping, type MappingInput } from './checks.ts'
import { DefinitionFault } from './definition-fault.ts'
import { definitionLimits } from './fields.ts'
import { getFunction, type DefinitionDoor } from './functions.ts'

/** A mapping and its UUID. */
export interface NamedMapping {
  readonly uuid: string
  readonly mapping: EventSourceMapping
}

/** What a change may set. Stream, consumer and starting position are fixed at creation. */
export type MappingChanges = Partial<Omit<MappingInput, 'source'>>

export interface CreateMappingOptions {
  /** Makes the stream of `source` where there is none. That of `to` is always made. */
  readonly createsSource?: boolean
}

/** The group that reads for a mapping. */
export function mappingGroup(uuid: string): string {
  return `function.${uuid}`
}

/** Makes a mapping of a function that exists to a stream that exists. A function has one mapping to a stream, or to a consumer of it. */
export async function createMapping(
  door: DefinitionDoor,
  input: MappingInput,
  { createsSource = false }: CreateMappingOptions = {},
): Promise<NamedMapping> {
  const { client, now, uuid: newUuid } = door
  const fields = checkedMapping(input)
  await getFunction(client, fields.function)
  await requireStream(client, { place: 'source.stream', stream: fields.source.stream, isMade: createsSource })
  await requireDestinations(client, fields)
  const at = now()
  const wanted: EventSourceMapping = { ...fields, createdAt: at, updatedAt: at, version: MAPPING_BEING_MADE }
  const documents = mappingsOf(client)
  const uuid = newUuid()
  await refuseSecond(client, { name: uuid, version: Infinity, value: wanted })
  const { version } = await documents.put(uuid, wanted, { expectedVersion: 0 })
  try {
    await refuseSecond(client, { name: uuid, version, value: wanted })
  } catch (error) {
    await documents.delete(uuid)
    throw error
  }
  if (fields.source.from === 'LATEST') await beginAtTails(client, uuid, fields.source.stream)
  const { value: mapping } = await documents.update(uuid, (found) => {
    if (found === undefined || found.state === 'deleting') throw noMapping(uuid)
    return found.version === MAPPING_BEING_MADE ? { ...found, version: 1 } : found
  })
  return { uuid, mapping }
}

/** Refuses a mapping that another came before, made or being made. */
async function refuseSecond(client: Client, own: KeptMapping): Promise<void> {
  const all: KeptMapping[] = []
  for await (const each of mappingsOf(client).list()) all.push(each)
  const first = mappingBefore(all, own)
  if (first === undefined) return
  const message = `The function ${own.value.function} reads ${own.value.source.stream} already, by the mapping ${first.name}.`
  throw new DefinitionFault('exists', '', message)
}

/** Changes a mapping; what is left out stays. Another function must be there, and have no mapping to the same stream or consumer. */
export async function updateMapping(
  { client, now }: Pick<DefinitionDoor, 'client' | 'now'>,
  uuid: string,
  changes: MappingChanges,
): Promise<NamedMapping> {
  const { mapping: found } = await getMapping(client, uuid)
  const wanted = checkedMapping({ ...inputOf(found), ...changes })
  if (wanted.function !== found.function) {
    await getFunction(client, wanted.function)
    const turned = { ...found, function: wanted.function }
    await refuseSecond(client, { name: uuid, version: Infinity, value: turned })
  }
  await requireDestinations(client, wanted)
  return change(client, uuid, (mapping) => ({
    ...checkedMapping({ ...inputOf(mapping), ...changes }),
    ...(mapping.skips !== undefined && { skips: mapping.skips }),
    createdAt: mapping.createdAt,
    updatedAt: now(),
    version: mapping.version + 1,
  }))
}

/** Stops or resumes a mapping. Its positions stay. */
export async function setMappingEnabled(
  { client, now }: Pick<DefinitionDoor, 'client' | 'now'>,
  uuid: string,
  isEnabled: boolean,
): Promise<NamedMapping> {
  return change(client, uuid, (mapping) => ({
    ...mapping,
    state: isEnabled ? 'enabled' : 'disabled',
    updatedAt: now(),
    version: mapping.version + 1,
  }))
}

/**
 * Has records passed over, which are then given up as after the last retry: the failure destination hears of them. It is for records that
 * block a shard. What was processed already is not touched.
 */
export async function skipRecords(
  { client, now }: Pick<DefinitionDoor, 'client' | 'now'>,
  uuid: string,
  skipped: Omit<SkippedRecords, 'at' | 'streamId'>,
): Promise<NamedMapping> {
  if (!(
    Number.isSafeInteger(skipped.from) &&
    Number.isSafeInteger(skipped.to) &&
    skipped.from < skipped.to
  )) {
    throw new DefinitionFault(
      'invalid',
      'to',
      'must be above the number of the first record that is skipped.',
    )
  }
  // As `3` and `shard-3` too.
  const shardId = shardIdOf(parseShardId(skipped.shardId))
  const { mapping: found } = await getMapping(client, uuid)
  const { id: streamId } = await client.describeStream(found.source.stream)
  return change(client, uuid, (mapping) => ({
    ...mapping,
    skips: [...(mapping.skips ?? []), { ...skipped, streamId, shardId, at: now() }].slice(
      -definitionLimits.skipsMax,
    ),
    updatedAt: now(),
    version: mapping.version + 1,
  }))
}

/** Reads a mapping. */
export async function getMapping(client: Client, uuid: string): Promise<NamedMapping> {
  const found = uuid === '' ? undefined : await mappingsOf(client).get(uuid)
  if (found === undefined) throw noMapping(uuid)
  return { uuid, mapping: found.value }
}

/** All mappings, or those of a function or of a stream. */
export async function listMappings(
  client: Client,
  where: { readonly function?: string; readonly stream?: string } = {},
): Promise<readonly NamedMapping[]> {
  const found: NamedMapping[] = []
  for await (const { name, value } of mappingsOf(client).list()) {
    if (where.function !== undefined && value.function !== where.function) continue
    if (where.stream !== undefined && value.source.stream !== where.stream) continue
    found.push({ uuid: name, mapping: value })
  }
  return found
}

/** The documents of mappings. */
export function mappingsOf(client: Pick<Client, 'documents'>): Documents<EventSourceMapping> {
  return client.documents<EventSourceMapping>(functionKinds.mappings)
}

function noMapping(uuid: string): DefinitionFault {
  return new DefinitionFault('missing', '', `There is no event source mapping ${uuid}.`)
}

async function change(
  client: Client,
  uuid: string,
  changed: (mapping: EventSourceMapping) => EventSourceMapping,
): Promise<NamedMapping> {
  const { value } = await mappingsOf(client).update(uuid, (mapping) => {
    if (mapping === undefined) throw noMapping(uuid)
    if (mapping.state === 'deleting')
      throw new DefinitionFault('missing', '', `The mapping ${uuid} is being deleted.`)
    return changed(mapping)
  })
  return { uuid, mapping: value }
}

/** Has the group begin where the shards end now: records that come before an app has begun are not missed. */
async function beginAtTails(client: Client, uuid: string, stream: string): Promise<void> {
  const { id: streamId } = await client.describeStream(stream)
  const shards: Record<string, number> = {}
  let shardsBelow = 0
  for await (const { shardId, state } of client.listShards(stream)) {
    shardsBelow = Math.max(shardsBelow, parseShardId(shardId) + 1)
    if (state !== 'OPEN') continue
    const { sequenceNumber } = await client.resolvePosition(stream, { shard: shardId, from: 'LATEST' })
    shards[shardId] = sequenceNumber
  }
  await client.checkpoints(mappingGroup(uuid)).save(stream, { streamId, shardsBelow, shards })
}

function inputOf(mapping: EventSourceMapping): MappingInput {
  return { ...mapping, state: mapping.state === 'disabled' ? 'disabled' : 'enabled' }
}

async function requireDestinations(
  client: Client,
  { to, onFailure }: Pick<EventSourceMapping, 'to' | 'onFailure'>,
): Promise<void> {
  if (to !== undefined) await requireStream(client, { place: 'to.stream', stream: to.stream, isMade: true })
  if (onFailure?.type === 'stream') {
    await requireStream(client, { place: 'onFailure.stream', stream: onFailure.stream, isMade: true })
  }
}

async function requireStream(
  client: Client,
  { place, stream, isMade }: { readonly place: string; readonly stream: string; readonly isMade: boolean },
): Promise<void> {
  try {
    await client.describeStream(stream)
  } catch (error) {
    if (!MillraceError.is(error, 'streamNotFound')) throw error
    if (!isMade) throw new DefinitionFault('missing', place, `names a stream that does not exist: ${stream}.`)
    await client.createStream(stream, { mode: 'on-demand', shards: 1 }).catch((refused: unknown) => {
      // Somebody else was faster.
      if (!MillraceError.is(refused, 'streamExists')) throw refused
    })
  }
}
