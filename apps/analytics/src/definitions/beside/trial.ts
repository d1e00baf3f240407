// The next version of a query that is tried beside it: made, and given up. Runs wherever there is a client. It is a query of its own,
// `NAME.next`, which writes to streams of its own and begins where the other one stands.
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, type Client, type StreamPosition } from 'millrace'
import type { BesideQuery, QueryDefinition } from 'millrace/protocol'
import { heldAnew, type QueryPlace, type QueryProgress } from '../../run/place/query-place.ts'
import { beginOf } from '../../run/reading/stream-ranges.ts'
import { keepSchemas } from '../../streams/schema/stream-schemas.ts'
import { outputOf } from '../../streams/outputs.ts'
import { checkCircles } from '../circles.ts'
import { checkName } from '../check.ts'
import { isCarriedOutAt } from '../hosts.ts'
import {
  changed,
  defined,
  isMade,
  namesWritten,
  queriesOf,
  resultsOf,
  type MadeQuery,
  type QueryChanges,
  type QueryDoor,
  type QueryInput,
} from '../queries.ts'
import { progressDocuments } from '../../run/place/packed.ts'
import { notFound, QueryError } from '../query-error.ts'

/** Name of the version that is tried beside a query, and of the stream that takes the place of one that it writes to. */
export function nextOf(name: string): string {
  return `${name}.next`
}

/** How long an app may take to leave a query whose streams are to be deleted. */
const LEAVE_MS = 10_000
const LOOK_MS = 100

/**
 * Makes the next version of a query beside it, as the query `NAME.next`, which writes to streams `TARGET.next`, made now. It begins where
 * the query stands, or at `from`. Of `changes`, what is left out is as the query has it. Rejects as `createQuery`, and with QueryError `notFound`.
 */
export async function replaceBeside(
  { client, now, uuid }: QueryDoor,
  name: string,
  changes: QueryChanges,
): Promise<MadeQuery> {
  const next = nextOf(name)
  checkName(next)
  const queries = queriesOf(client)
  const before = (await queries.get(name))?.value
  if (before === undefined || before.state === 'deleting') throw notFound(name)
  if (before.beside !== undefined)
    throw new QueryError('invalid', `${name} is itself tried beside the version before it.`)
  if (before.sharing !== undefined || (changes.parts ?? 1) > 1)
    throw new QueryError(
      'invalid',
      `${name} is carried out in parts: no version is tried beside it. Replace it, or try the SQL as a query of its own.`,
    )
  if ((await queries.get(next)) !== undefined) throw isThere(name)
  const at = now()
  const given = {
    createdAt: at,
    updatedAt: at,
    id: uuid(),
    version: before.version + 1,
    begins: false,
    state: 'paused',
  } as const
  const made = await defined(client, changed(before, changes), given, before)
  await checkCircles(client, { name, definition: made.definition })
  const names = namesWritten(made.definition, made.checked)
  const outputs = Object.fromEntries(
    names.map((each) => [each, nextOf(outputOf(made.definition, each))] as const),
  )
  const streams = Object.values(outputs)
  await checkMissing(client, streams)
  const read = new Set(made.checked.plan.inputs.map(({ stream }) => stream))
  const { place, ...standing } = await beginning(client, { name, before, from: changes.from, read, at })
  const definition: QueryDefinition = {
    ...made.definition,
    outputs,
    beside: {
      name,
      id: before.id,
      version: before.version,
      streams,
      ...standing,
      begin: place.replayFrom,
    },
  }
  const progress: QueryProgress = { owner: null, epoch: 0, revision: 0, definition, place }
  await progressDocuments(client).put(next, progress)
  try {
    await queries.put(next, definition, { expectedVersion: 0 })
  } catch (error) {
    throw MillraceError.is(error, 'versionConflict') ? isThere(name) : error
  }
  // It is there before its streams, so that they are deleted with it, whenever this ends.
  for (const stream of streams) await isMade(client, stream)
  const { value } = await queries.update(next, (found) => {
    if (found?.id !== definition.id) throw notFound(next)
    return { ...found, state: before.state, updatedAt: now() }
  })
  const results = resultsOf(value, made.checked)
  await keepSchemas(client, next, results)
  return { name: next, definition: value, results, madeStreams: streams }
}

/** Deletes the streams of a version that was tried, once no app writes to them. May be done again. */
export async function deleteTrialStreams(
  { client, now }: Pick<QueryDoor, 'client' | 'now'>,
  name: string,
  { id, beside }: QueryDefinition,
): Promise<void> {
  const { value } = await queriesOf(client).update(name, (found) => {
    if (found?.id !== id) throw notFound(name)
    return found.state === 'running' ? { ...found, state: 'paused', updatedAt: now() } : found
  })
  for (let waited = 0; waited < LEAVE_MS; waited += LOOK_MS) {
    const progress = await progressDocuments(client).get(name)
    if (progress === undefined || progress.value.owner === null) break
    if (!(await isCarriedOutAt(client, name, value.updatedAt))) break
    await sleep(LOOK_MS)
  }
  for (const stream of beside!.streams) {
    try {
      await client.deleteStream(stream)
    } catch (error) {
      if (!MillraceError.is(error, 'streamNotFound')) throw error
    }
  }
}

/** Where a version begins, and which results it has in common with the one beside it. */
async function beginning(
  client: Client,
  of: {
    readonly name: string
    readonly before: QueryDefinition
    readonly from: QueryInput['from'] | undefined
    /** Streams that it reads. */
    readonly read: ReadonlySet<string>
    readonly at: number
  },
): Promise<Pick<BesideQuery, 'after' | 'since'> & { readonly place: QueryPlace }> {
  const { name, before, from, read, at } = of
  const progress = await progressDocuments(client).get(name)
  const stands = from === undefined ? standingOf(before, progress?.value) : undefined
  if (stands !== undefined) {
    const { prepared } = progress!.value
    // Results of a step that was prepared may have been written before its document was put last.
    const since = prepared === undefined ? progress!.updatedAt.getTime() + 1 : 0
    return { after: stands.watermark, since, place: await withStreams(client, stands, { before, read }) }
  }
  const nowhere: QueryPlace = { watermark: null, positions: {}, replayFrom: {}, late: {} }
  const start = from ?? before.from
  const since = typeof start === 'object' ? start.atTimestamp : start === 'LATEST' ? at : 0
  return { since, place: await withStreams(client, nowhere, { before: { from: start }, read }) }
}

/** Where a query stands; undefined where it has not begun, or is to begin anew. */
function standingOf(
  { id, version, begins }: QueryDefinition,
  progress: QueryProgress | undefined,
): QueryPlace | undefined {
  if (progress === undefined || progress.definition.id !== id) return undefined
  return begins && progress.definition.version !== version ? undefined : progress.place
}

/** Returns a place with the streams that are read, and no others. */
async function withStreams(
  client: Client,
  place: QueryPlace,
  of: { readonly before: Pick<QueryDefinition, 'from'>; readonly read: ReadonlySet<string> },
): Promise<QueryPlace> {
  const positions: Record<string, StreamPosition> = {}
  const replayFrom: Record<string, StreamPosition> = {}
  for (const stream of of.read) {
    positions[stream] =
      place.positions[stream] ??
      (await beginOf(client, { stream }, of.before.from, new AbortController().signal))
    replayFrom[stream] = place.replayFrom[stream] ?? positions[stream]
  }
  return { ...heldAnew(place), positions, replayFrom }
}

async function checkMissing(client: Client, streams: readonly string[]): Promise<void> {
  for (const stream of streams) {
    try {
      await client.describeStream(stream)
    } catch (error) {
      if (MillraceError.is(error, 'streamNotFound')) continue
      throw error
    }
    throw new QueryError(
      'exists',
      `There is a stream ${stream} already, where results of the next version would go: delete it first.`,
    )
  }
}

function isThere(name: string): QueryError {
  return new QueryError(
    'exists',
    `There is a query ${nextOf(name)} already: promote it (query promote ${name}), or delete it first.`,
  )
}
