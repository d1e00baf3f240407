// Queries as documents of the broker: made, replaced, listed, paused and resumed. Runs wherever there is a client: the command line, a program.
// What is refused is a `QueryError`; what the broker refuses is a `MillraceError`. Each change is a compare-and-set.
import { MillraceError, type Client, type Documents } from 'millrace'
import {
  queryKinds,
  queryUnits,
  type QueryDefinition,
  type QuerySharing,
  type QueryStart,
  type QueryTime,
} from 'millrace/protocol'
import type { PlanSharing } from '../plan/sharing/sharing.ts'
import { progressDocuments } from '../run/place/packed.ts'
import { keepSchemas } from '../streams/schema/stream-schemas.ts'
import { outputOf } from '../streams/outputs.ts'
import { defaultStart, defaultTime } from './bounds.ts'
import { outputsOf } from './app-targets.ts'
import { checkCircles } from './circles.ts'
import { checkName, checkTexts, checkTime } from './check.ts'
import { checkParts, deleteUnits, makeSharing, planSharing } from './parts.ts'
import { deletePartsStream } from '../run/parts/parts-stream.ts'
import { alreadyThere, isTried, notFound } from './query-error.ts'
import { checkSql, type CheckedSql, type QueryColumns, type ResultColumn } from './sql-check.ts'

/** What changes of queries need. */
export interface QueryDoor {
  readonly client: Client
  /** The time in milliseconds: `Date.now`. */
  readonly now: () => number
  /** A new UUID: `randomUUID` of node:crypto. */
  readonly uuid: () => string
}

export interface QueryInput {
  /** One or more statements `INSERT INTO target SELECT …`, separated by semicolons. */
  readonly sql: string
  /** TRIM_HORIZON by default. */
  readonly from?: QueryStart
  readonly time?: Partial<QueryTime>
  /** Types of DuckDB of fields of the JSON of streams. Of streams that are left out, fields are found in a sample. */
  readonly columns?: QueryColumns
  readonly lateTo?: string
  readonly errorsTo?: string
  readonly description?: string
  /** In how many parts it is carried out, each by one process at a time: 1 by default. */
  readonly parts?: number
}

/** What changes of a query; what is left out stays. Streams that are undefined are taken away. */
export interface QueryChanges extends Partial<Omit<QueryInput, 'lateTo' | 'errorsTo'>> {
  readonly lateTo?: string | undefined
  readonly errorsTo?: string | undefined
}

/** A query and its name. */
export interface NamedQuery {
  readonly name: string
  readonly definition: QueryDefinition
}

/** A query that was made or replaced. */
export interface MadeQuery extends NamedQuery {
  readonly results: readonly QueryResults[]
  /** Streams that were not there, and are made. */
  readonly madeStreams: readonly string[]
}

/** What a statement gives. */
export interface QueryResults {
  readonly target: string
  readonly columns: readonly ResultColumn[]
}

/**
 * Makes a query, and the streams that it writes to where they are missing: of one shard. Rejects with QueryError `invalid` or `exists`,
 * and with `streamNotFound` for a stream that it reads.
 */
export async function createQuery(
  { client, now, uuid }: QueryDoor,
  name: string,
  input: QueryInput,
): Promise<MadeQuery> {
  checkName(name)
  const queries = queriesOf(client)
  if ((await queries.get(name)) !== undefined) throw alreadyThere(name)
  const at = now()
  const { definition, checked } = await defined(client, input, {
    createdAt: at,
    updatedAt: at,
    id: uuid(),
    version: 1,
    begins: true,
    state: 'running',
  })
  await checkCircles(client, { name, definition })
  const { parts = 1 } = input
  const written = namesWritten(definition, checked)
  const planned = planSharing({ name, parts, written }, checked)
  const madeStreams = await makeStreams(client, definition, checked)
  const sharing = await makeSharing(client, planned)
  const made = { ...definition, ...(sharing !== undefined && { sharing }) }
  try {
    await queries.put(name, made, { expectedVersion: 0 })
  } catch (error) {
    if (isRefused(error)) await deletePartsStream(client, sharing)
    throw MillraceError.is(error, 'versionConflict') ? alreadyThere(name) : error
  }
  const results = resultsOf(made, checked)
  await keepSchemas(client, name, results)
  return { name, definition: made, results, madeStreams }
}

/**
 * Replaces a query by its next version; what is left out stays. It goes on where the version before it stopped, or begins at `from`. Fields
 * of its streams keep their types; those that are new in a sample are added. How it is shared in parts changes only with `from`. Rejects as
 * `createQuery`, and with QueryError `notFound`.
 */
export async function replaceQuery(
  { client, now }: Pick<QueryDoor, 'client' | 'now'>,
  name: string,
  changes: QueryChanges,
): Promise<MadeQuery> {
  let made: Pick<MadeQuery, 'results' | 'madeStreams'> = { results: [], madeStreams: [] }
  let own: QuerySharing | undefined
  let former: QuerySharing | undefined
  /** Deletes the stream that was made for a version that is none. */
  const withdraw = async (): Promise<void> => {
    if (own?.spread?.streamId !== former?.spread?.streamId) await deletePartsStream(client, own)
    own = former
  }
  const next = async (before: QueryDefinition | undefined): Promise<QueryDefinition> => {
    if (before === undefined || before.state === 'deleting') throw notFound(name)
    if (before.beside !== undefined) throw isTried(name)
    const { createdAt, id, version, state } = before
    const input = changed(before, changes)
    const isAnew = changes.from !== undefined
    const { definition, checked } = await defined(
      client,
      input,
      {
        createdAt,
        updatedAt: now(),
        id,
        version: version + 1,
        begins: isAnew || (before.begins && !(await hasBegun(client, name, before))),
        state,
      },
      isAnew ? { columns: before.columns } : before,
    )
    await checkCircles(client, { name, definition })
    const written = namesWritten(definition, checked)
    const planned = planSharing({ name, parts: input.parts ?? 1, written, before, isAnew }, checked)
    made = {
      results: resultsOf(definition, checked),
      madeStreams: await makeStreams(client, definition, checked),
    }
    // Of an earlier try, after which somebody else changed the query.
    await withdraw()
    former = before.sharing
    own = await makeSharing(client, planned)
    return { ...definition, ...(own !== undefined && { sharing: own }) }
  }
  const { value } = await queriesOf(client)
    .update(name, next)
    .catch(async (error: unknown) => {
      if (isRefused(error)) await withdraw()
      throw error
    })
  if (former?.spread?.streamId !== own?.spread?.streamId) await deletePartsStream(client, former)
  await deleteUnits(client, name, value)
  await keepSchemas(client, name, made.results)
  return { name, definition: value, ...made }
}

/** Pauses or resumes a query: a paused one holds its place. Rejects with QueryError `notFound`. */
export async function setQueryState(
  { client, now }: Pick<QueryDoor, 'client' | 'now'>,
  name: string,
  state: 'running' | 'paused',
): Promise<NamedQuery> {
  const { value } = await queriesOf(client).update(name, (before) => {
    if (before === undefined || before.state === 'deleting') throw notFound(name)
    return before.state === state ? before : { ...before, state, updatedAt: now() }
  })
  return { name, definition: value }
}

/** Reads a query. Rejects with QueryError `notFound`. */
export async function getQuery(client: Client, name: string): Promise<NamedQuery> {
  const document = await queriesOf(client).get(name)
  if (document === undefined) throw notFound(name)
  return { name, definition: document.value }
}

/** All queries, by name. */
export async function listQueries(client: Client): Promise<readonly NamedQuery[]> {
  const found: NamedQuery[] = []
  for await (const { name, value } of queriesOf(client).list()) found.push({ name, definition: value })
  return found
}

/** The documents of queries. */
export function queriesOf(client: Client): Documents<QueryDefinition> {
  return client.documents<QueryDefinition>(queryKinds.queries)
}

/** Whether what was asked for is not done, and will not be. */
function isRefused(error: unknown): boolean {
  return !(error instanceof MillraceError) || error.sideEffects === 'none'
}

/** What is given of a query anew: the rest is as it was. */
export function changed(before: QueryDefinition, changes: QueryChanges): QueryInput {
  const { sql, from, time, description, sharing } = before
  const { lateTo, errorsTo, ...others } = { lateTo: before.lateTo, errorsTo: before.errorsTo, ...changes }
  return {
    sql,
    from,
    ...(description !== undefined && { description }),
    ...(sharing !== undefined && { parts: sharing.parts }),
    ...others,
    ...(lateTo !== undefined && { lateTo }),
    ...(errorsTo !== undefined && { errorsTo }),
    time: { ...time, ...changes.time },
  }
}

type Given = Pick<
  QueryDefinition,
  'createdAt' | 'updatedAt' | 'id' | 'version' | 'begins' | 'state' | 'promoted'
>

/** Checks all of a definition. */
export async function defined(
  client: Client,
  { sql, from = defaultStart, time, columns = {}, lateTo, errorsTo, description, parts = 1 }: QueryInput,
  given: Given,
  before?: Pick<QueryDefinition, 'columns' | 'sharing'>,
): Promise<{ readonly definition: QueryDefinition; readonly checked: CheckedSql }> {
  checkTexts({ sql, description })
  const whole = { ...defaultTime, ...time }
  checkTime(whole)
  checkParts(parts)
  const checked = await checkSql(client, {
    sql,
    from,
    given: columns,
    known: before?.columns,
    time: whole,
    lateTo,
    errorsTo,
    ...(parts > 1 && { shares: { before: sharedBefore(before?.sharing) } }),
  })
  const definition = {
    ...given,
    sql,
    from,
    time: whole,
    columns: checked.fields,
    ...(checked.appTargets.size > 0 && { outputs: outputsOf(checked.appTargets) }),
    ...(lateTo !== undefined && { lateTo }),
    ...(errorsTo !== undefined && { errorsTo }),
    ...(description !== undefined && { description }),
  }
  return { definition, checked }
}

function sharedBefore(sharing: QuerySharing | undefined): PlanSharing | undefined {
  return sharing && (sharing.spread === undefined ? {} : { keys: sharing.spread.keys })
}

/** Makes the streams that a query writes to; returns those that were not there. */
export async function makeStreams(
  client: Client,
  definition: QueryDefinition,
  checked: CheckedSql,
): Promise<readonly string[]> {
  const made: string[] = []
  for (const name of namesWritten(definition, checked)) {
    const stream = outputOf(definition, name)
    // The stream of a delivery or a function is made with it.
    if (!checked.appTargets.has(name) && (await isMade(client, stream))) made.push(stream)
  }
  return made
}

/** Names that a query writes to, each once. */
export function namesWritten(
  { lateTo, errorsTo }: Pick<QueryDefinition, 'lateTo' | 'errorsTo'>,
  { plan }: Pick<CheckedSql, 'plan'>,
): readonly string[] {
  const names = [...plan.statements.map(({ target }) => target), lateTo, errorsTo]
  return [...new Set(names)].filter((name) => name !== undefined)
}

/** Makes a stream unless it is there: then nothing is asked that takes the right to make one. */
export async function isMade(client: Client, stream: string): Promise<boolean> {
  try {
    await client.describeStream(stream)
    return false
  } catch (error) {
    if (!MillraceError.is(error, 'streamNotFound')) throw error
  }
  try {
    await client.createStream(stream, { shards: 1 })
    return true
  } catch (error) {
    if (MillraceError.is(error, 'streamExists')) return false
    throw error
  }
}

/** What the statements of checked SQL give. */
export function resultsOf(
  definition: Pick<QueryDefinition, 'outputs'>,
  { plan, results }: CheckedSql,
): readonly QueryResults[] {
  return plan.statements.map(({ target }, at) => ({
    target: outputOf(definition, target!),
    columns: results[at]!,
  }))
}

/** Whether an app has begun this version, in any of its units: otherwise the next one begins as this one would have. */
export async function hasBegun(client: Client, name: string, of: QueryDefinition): Promise<boolean> {
  for (const unit of queryUnits(name, of)) {
    const progress = await progressDocuments(client).get(unit.name)
    const { definition, place } = progress?.value ?? {}
    if (place !== undefined && definition?.id === of.id && definition.version === of.version) return true
  }
  return false
}
