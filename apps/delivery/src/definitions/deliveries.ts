// Makes, changes, lists and describes deliveries: documents of the broker, checked before they are written. Runs in every door to
// deliveries: the command line, the Firehose API, the app itself. Each change is a compare-and-set.
import { MillraceError, type Client, type GroupDescription } from 'millrace'
import { makeWithOwnStream } from 'millrace/app'
import {
  deliveryKinds,
  ownStreamOf,
  type DeliveryDefinition,
  type DeliveryDestination,
  type DeliveryVerdict,
} from 'millrace/protocol'
import { queriesRefusal } from '../partitioning/index.ts'
import type { ShardProgress } from '../progress/shard-progress.ts'
import { checkDefinition, isObjectDestination, nameFault } from './check.ts'
import {
  changedDefinition,
  newDefinition,
  type DeliveryChanges,
  type DeliveryInput,
} from './definition-input.ts'
import { DeliveryError, refusal } from './delivery-error.ts'

export interface CreatedDelivery {
  readonly definition: DeliveryDefinition
  readonly warnings: readonly string[]
}

/** A delivery with all that is known of it. */
export interface DeliveryDescription {
  readonly name: string
  readonly definition: DeliveryDefinition
  /** What the app says of the definition; undefined until an app has seen it. */
  readonly verdict: DeliveryVerdict | undefined
  /** Its group: lag and reason of each shard; undefined until an app has begun. */
  readonly group: GroupDescription | undefined
  readonly progress: readonly DeliveryProgress[]
}

/** How far a delivery is in a shard. */
export interface DeliveryProgress extends Pick<ShardProgress, 'position' | 'delivered'> {
  readonly streamId: number
  readonly shardIndex: number
  readonly trouble: ShardProgress['trouble']
  /** Objects that are being written. */
  readonly writing: number
}

/** The group by which a delivery reads. */
export function groupOfDelivery(name: string): string {
  return `delivery.${name}`
}

/**
 * Makes a delivery. One that was cut off while its own stream was being made is gone on with. Throws DeliveryError: `invalid` with all
 * faults, or `exists`, also of a stream that has the name of its own; and `streamNotFound`.
 */
export async function createDelivery(
  client: Client,
  name: string,
  input: DeliveryInput,
  now: () => number = Date.now,
): Promise<CreatedDelivery> {
  const wrong = nameFault(name)
  if (wrong !== undefined) throw new DeliveryError('invalid', wrong, [{ place: 'name', message: wrong }])
  const definition = newDefinition(input, now())
  const warnings = await checked(definition)
  const { source, destination } = definition
  if (destination.type === 'stream') await client.describeStream(destination.stream)
  if (source.isOwn) return { definition: await makeDirect(client, name, definition), warnings }
  const deliveries = client.documents<DeliveryDefinition>(deliveryKinds.definitions)
  if ((await deliveries.get(name)) !== undefined) throw exists(name)
  await client.describeStream(source.stream)
  try {
    await deliveries.put(name, definition, { expectedVersion: 0 })
  } catch (error) {
    throw MillraceError.is(error, 'versionConflict') ? exists(name) : error
  }
  return { definition, warnings }
}

/** Makes a delivery of direct puts, with the stream behind it. */
async function makeDirect(
  client: Client,
  name: string,
  definition: DeliveryDefinition,
): Promise<DeliveryDefinition> {
  const stream = ownStreamOf(name)
  if (definition.source.stream !== stream) {
    const message = `The stream of direct puts into ${name} is ${stream}, and not ${definition.source.stream}.`
    throw new DeliveryError('invalid', message, [{ place: 'source.stream', message }])
  }
  const outcome = await makeWithOwnStream(client, name, definition)
  if ('made' in outcome) return outcome.made
  if (outcome.refused === 'exists') throw exists(name)
  throw new DeliveryError(
    'exists',
    `The stream ${stream} is there already, and would be the one behind ${name}: deliver from it as from any stream, delete it, or choose another name.`,
  )
}

/** Changes a delivery: its next version. Throws DeliveryError: `invalid`, `notFound`, `unchangeable`. */
export async function updateDelivery(
  client: Client,
  name: string,
  changes: DeliveryChanges,
  now: () => number = Date.now,
): Promise<CreatedDelivery> {
  let warnings: readonly string[] = []
  const definition = await change(client, name, async (before) => {
    const after = changedDefinition(before, changes, now())
    if (familyOf(before.destination) !== familyOf(after.destination)) {
      const message = `A delivery to ${before.destination.type} cannot become one to ${after.destination.type}: make another one.`
      throw new DeliveryError('unchangeable', message, [{ place: 'destination', message }])
    }
    warnings = await checked(after)
    return after
  })
  return { definition, warnings }
}

/** Pauses or resumes a delivery: a paused one writes what waits, and reads no more. */
export function setDeliveryState(
  client: Client,
  name: string,
  state: 'active' | 'paused',
): Promise<DeliveryDefinition> {
  return change(client, name, (before) => ({ ...before, state }))
}

/** Names and definitions of all deliveries, by name. */
export async function listDeliveries(
  client: Client,
): Promise<{ readonly name: string; readonly definition: DeliveryDefinition }[]> {
  const found: { name: string; definition: DeliveryDefinition }[] = []
  for await (const { name, value } of client
    .documents<DeliveryDefinition>(deliveryKinds.definitions)
    .list()) {
    found.push({ name, definition: value })
  }
  return found
}

/** Describes a delivery. Throws DeliveryError `notFound`. Secrets of the destination are not hidden. */
export async function describeDelivery(client: Client, name: string): Promise<DeliveryDescription> {
  const document = await client.documents<DeliveryDefinition>(deliveryKinds.definitions).get(name)
  if (document === undefined) throw notFound(name)
  const [verdict, group, progress] = await Promise.all([
    client.documents<DeliveryVerdict>(deliveryKinds.verdicts).get(name),
    client.describeGroup(groupOfDelivery(name)).catch((error: unknown) => {
      if (MillraceError.is(error, 'groupNotFound')) return undefined
      throw error
    }),
    progressOf(client, name),
  ])
  return { name, definition: document.value, verdict: verdict?.value, group, progress }
}

/** The error of a delivery that is not there. */
export function notFound(name: string): DeliveryError {
  return new DeliveryError('notFound', `There is no delivery ${name}.`)
}

/** Documents of a delivery's progress are named so. */
export function progressPrefix(name: string): string {
  return `${name}/`
}

async function progressOf(client: Client, name: string): Promise<DeliveryProgress[]> {
  const found: DeliveryProgress[] = []
  const prefix = progressPrefix(name)
  for await (const document of client.documents<ShardProgress>(deliveryKinds.progress).list({ prefix })) {
    const [streamId, shardIndex] = document.name.slice(prefix.length).split('/').map(Number)
    if (
      streamId === undefined ||
      shardIndex === undefined ||
      Number.isNaN(streamId) ||
      Number.isNaN(shardIndex)
    )
      continue
    const { position, delivered, trouble, pending } = document.value
    found.push({ streamId, shardIndex, position, delivered, trouble, writing: pending.length })
  }
  return found
}

async function change(
  client: Client,
  name: string,
  of: (before: DeliveryDefinition) => DeliveryDefinition | Promise<DeliveryDefinition>,
): Promise<DeliveryDefinition> {
  const deliveries = client.documents<DeliveryDefinition>(deliveryKinds.definitions)
  const { value } = await deliveries.update(name, (before) => {
    if (before === undefined || before.state === 'deleting') throw notFound(name)
    if (before.state === 'making') {
      const message = `${name} is still being made. If that was cut off, create it again, or delete it.`
      throw new DeliveryError('unchangeable', message)
    }
    return of(before)
  })
  return value
}

/** Makes a stream that grows by itself, if it is not there. */
export async function makeStream(client: Client, stream: string): Promise<void> {
  try {
    await client.createStream(stream, { shards: 1, mode: 'on-demand' })
  } catch (error) {
    if (!MillraceError.is(error, 'streamExists')) throw error
  }
}

async function checked(definition: DeliveryDefinition): Promise<readonly string[]> {
  const { faults, warnings } = checkDefinition(definition)
  const { partitioning } = definition
  const message =
    faults.length > 0 || partitioning === undefined ? undefined : await queriesRefusal(partitioning.queries)
  const refused = refusal(message === undefined ? faults : [{ place: 'partitioning.queries', message }])
  if (refused !== undefined) throw refused
  return warnings
}

/** Progress of one family means nothing to another. */
function familyOf(destination: DeliveryDestination): string {
  return isObjectDestination(destination) ? 'objects' : destination.type
}

function exists(name: string): DeliveryError {
  return new DeliveryError('exists', `There is a delivery ${name} already: change it, or delete it first.`)
}
