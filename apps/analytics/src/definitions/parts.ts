// Queries that are carried out in parts: by what they are shared, and the stream of their own by way of which records come to the parts.
// Runs wherever there is a client.
import { MillraceError, type Client } from 'millrace'
import { queryKinds, queryUnits, type QueryDefinition, type QuerySharing } from 'millrace/protocol'
import { PlanFault } from '../plan/plan-fault.ts'
import type { PlanSharing, SharedKeys } from '../plan/sharing/sharing.ts'
import { partsBounds } from './bounds.ts'
import { QueryError } from './query-error.ts'
import type { CheckedSql } from './sql-check.ts'

/** How a query is to be shared. */
export interface AskedSharing {
  readonly name: string
  readonly parts: number
  /** Streams that it writes to. */
  readonly written: readonly string[]
  /** The version that it takes the place of, and whether it begins anew, at a time that is given. */
  readonly before?: QueryDefinition
  readonly isAnew?: boolean
}

/** Throws QueryError `invalid`. */
export function checkParts(parts: number): void {
  const { min, max } = partsBounds
  if (Number.isSafeInteger(parts) && parts >= min && parts <= max) return
  throw new QueryError(
    'invalid',
    `A query is carried out in ${min} to ${max} parts: ${parts} is no such number.`,
  )
}

/** How a query is shared; a stream that it needs for that is there, or is to be made. */
export type PlannedSharing = QuerySharing | { readonly parts: number; readonly made: PlannedStream }

interface PlannedStream {
  readonly stream: string
  readonly keys: SharedKeys
}

/** Returns how a query is to be shared. Throws QueryError `invalid` where it cannot be, or not so without beginning anew. */
export function planSharing(
  { name, parts, written, before, isAnew = false }: AskedSharing,
  { sharing: found, plan }: CheckedSql,
): PlannedSharing | undefined {
  const known = before?.sharing
  if (parts > 1 && found instanceof PlanFault)
    throw new QueryError('invalid', found.message, { place: found.place, cause: found })
  const keys = parts === 1 ? undefined : (found as PlanSharing).keys
  const isSame = parts === (known?.parts ?? 1) && isEqual(keys, known?.spread?.keys)
  if (before !== undefined && !isAnew) {
    if (isSame) return known
    throw new QueryError(
      'invalid',
      `It is carried out in ${shownSharing(known)}, and would be in ${shownSharing(parts === 1 ? undefined : { parts, ...(keys !== undefined && { spread: { keys } }) })}: rows of its open windows would be missing. Say from where it begins anew (--from).`,
    )
  }
  if (parts === 1) return undefined
  if (keys === undefined) return { parts }
  // The version before has its own until it is replaced.
  const stream = known?.spread === undefined ? `${name}.parts` : `${name}.parts-${before!.version + 1}`
  if ([...written, ...plan.inputs.map((input) => input.stream)].includes(stream))
    throw new QueryError(
      'invalid',
      `${stream} is the stream by way of which records come to the parts of ${name}: read and write another one, or give the query another name.`,
    )
  return { parts, made: { stream, keys } }
}

/** Makes the stream that a query needs to be shared. Rejects with QueryError `exists` where there is one of that name. */
export async function makeSharing(
  client: Client,
  planned: PlannedSharing | undefined,
): Promise<QuerySharing | undefined> {
  if (planned === undefined || !('made' in planned)) return planned
  const { parts, made } = planned
  const streamId = await madeStreamId(client, {
    stream: made.stream,
    shards: parts,
    of: Object.keys(made.keys),
  })
  return { parts, spread: { ...made, streamId } }
}

/** Says in words in how many parts, and by what. */
export function shownSharing(
  sharing: { readonly parts: number; readonly spread?: { readonly keys: SharedKeys } } | undefined,
): string {
  if (sharing === undefined) return 'one part'
  return `${sharing.parts} parts by ${shownKeys(sharing.spread?.keys)}`
}

function shownKeys(keys: SharedKeys | undefined): string {
  if (keys === undefined) return 'the partition key'
  return Object.entries(keys)
    .map(([stream, own]) => `${own.join(', ')} of ${stream}`)
    .join(' and ')
}

/** Deletes what there is of units of a query, but for those of a definition. */
export async function deleteUnits(
  client: Client,
  name: string,
  of: QueryDefinition | undefined,
): Promise<void> {
  const kept = new Set(of === undefined ? [] : queryUnits(name, of).map((unit) => unit.name))
  for (const kind of [queryKinds.progress, queryKinds.reports]) {
    const documents = client.documents(kind)
    const found = [name]
    for await (const unit of documents.list({ prefix: `${name}@` })) found.push(unit.name)
    for (const each of found) if (!kept.has(each)) await documents.delete(each)
  }
}

const isEqual = (a: SharedKeys | undefined, b: SharedKeys | undefined) => shape(a) === shape(b)

const shape = (keys: SharedKeys = {}) =>
  JSON.stringify(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1)))

/** Records must be there for as long as in the streams that they are of. */
async function madeStreamId(
  client: Client,
  {
    stream,
    shards,
    of,
  }: { readonly stream: string; readonly shards: number; readonly of: readonly string[] },
): Promise<number> {
  const all = await Promise.all(of.map((each) => client.describeStream(each)))
  const retentionMs = Math.max(...all.map((each) => each.retentionMs))
  try {
    return (await client.createStream(stream, { shards, retentionMs })).id
  } catch (error) {
    if (!MillraceError.is(error, 'streamExists')) throw error
    throw new QueryError(
      'exists',
      `There is a stream ${stream} already, by way of which records would come to the parts of the query: delete it first.`,
    )
  }
}
