// Makes a delivery with the stream behind it, and deletes that stream: the one rule of every door to deliveries (the command line, the
// Firehose API, a program). Runs wherever a delivery is made or deleted. The definition is put first, as one that is being made, so that
// the name is taken; then comes the stream; then the definition, with the stream's id. A stream that was there before is never taken,
// unless the definition says that a making was cut off. What is deleted is the stream with this id, and no other of its name.
import { deliveryKinds, type DeliveryDefinition } from '../../protocol/apps/delivery-definition.ts'
import { ownStreamOf } from '../../protocol/apps/own-stream.ts'
import type { Client } from '../client.ts'
import type { Documents } from '../documents/documents.ts'
import { MillraceError } from '../errors.ts'

/** A delivery that was made; or why not: there is one of its name, or a stream that is not its own has the name of the one behind it. */
export type OwnStreamOutcome =
  { readonly made: DeliveryDefinition } | { readonly refused: 'exists' | 'streamExists' }

type Definitions = Documents<DeliveryDefinition>

/** Makes a delivery with its own stream. Goes on with a making of the same name that was cut off. Rejects as the broker does. */
export async function makeWithOwnStream(
  client: Client,
  name: string,
  definition: DeliveryDefinition,
): Promise<OwnStreamOutcome> {
  const definitions = client.documents<DeliveryDefinition>(deliveryKinds.definitions)
  const source = { ...definition.source, stream: ownStreamOf(name), isOwn: true }
  const known = await definitions.get(name)
  if (known !== undefined && known.value.state !== 'making') return { refused: 'exists' }
  if (known === undefined && (await streamIdOf(client, source.stream)) !== undefined) {
    // Of two that are made at the same time, the other one's definition may be there by now.
    return { refused: (await definitions.get(name)) === undefined ? 'streamExists' : 'exists' }
  }
  const making = { ...definition, source, state: 'making' as const }
  const version = await putOnce(definitions, name, making, known?.version ?? 0)
  if (version === undefined) return { refused: 'exists' }
  let streamId: number | undefined
  let isMade = true
  try {
    streamId = (await client.createStream(source.stream, { shards: 1, mode: 'on-demand' })).id
  } catch (error) {
    const isTaken = MillraceError.is(error, 'streamExists')
    // Nothing is left of a first attempt that had no effect; what a making that was cut off has left stays for the next one.
    const isClean = MillraceError.is(error) && error.sideEffects === 'none' && known === undefined
    if (isClean && !(await withdrawn(definitions, name, version))) return { refused: 'exists' }
    if (isTaken && known === undefined) return { refused: 'streamExists' }
    if (!isTaken) throw error
    isMade = false
    streamId = await streamIdOf(client, source.stream)
    if (streamId === undefined) throw error
  }
  const made = { ...definition, source: { ...source, streamId } }
  if ((await putOnce(definitions, name, made, version)) !== undefined) return { made }
  // It was deleted meanwhile, or somebody else goes on with its making, and with the stream.
  const now = await definitions.get(name)
  if (isMade && (now === undefined || now.value.state === 'deleting'))
    await deleteStream(client, source.stream, streamId)
  return { refused: 'exists' }
}

/**
 * Deletes the stream behind a delivery, if it is still the one that was made for it. A stream of another name may be somebody else's: who
 * writes definitions as documents may not be allowed to delete it.
 */
export async function deleteOwnStream(
  client: Client,
  name: string,
  { source: { isOwn, stream, streamId } }: DeliveryDefinition,
): Promise<void> {
  if (isOwn && stream === ownStreamOf(name) && streamId !== undefined)
    await deleteStream(client, stream, streamId)
}

async function deleteStream(client: Client, stream: string, expectedId: number): Promise<void> {
  try {
    await client.deleteStream(stream, { expectedId })
  } catch (error) {
    if (!MillraceError.is(error, 'streamNotFound')) throw error
  }
}

async function streamIdOf(client: Client, stream: string): Promise<number | undefined> {
  try {
    return (await client.describeStream(stream)).id
  } catch (error) {
    if (MillraceError.is(error, 'streamNotFound')) return undefined
    throw error
  }
}

/** Puts a definition; undefined where it has another version. Fulfils also where only the answer was lost. */
async function putOnce(
  definitions: Definitions,
  name: string,
  value: DeliveryDefinition,
  expectedVersion: number,
): Promise<number | undefined> {
  try {
    return (await definitions.put(name, value, { expectedVersion })).version
  } catch (error) {
    if (MillraceError.is(error, 'versionConflict')) return undefined
    const found = await definitions.get(name).catch(() => undefined)
    const isKept = found?.value.createdAt === value.createdAt && found.value.state === value.state
    if (isKept) return found.version
    throw error
  }
}

/** False where another one has changed it meanwhile. */
async function withdrawn(definitions: Definitions, name: string, expectedVersion: number): Promise<boolean> {
  try {
    return await definitions.delete(name, { expectedVersion })
  } catch (error) {
    if (MillraceError.is(error, 'versionConflict')) return false
    throw error
  }
}
