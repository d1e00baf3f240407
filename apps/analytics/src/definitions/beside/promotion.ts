// A version that was tried takes the place of the one before it. Runs wherever there is a client. Each step leaves what the next call needs to
// go on: while `NAME.next` is there, it is not over; the query says of itself which version it was promoted from.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'millrace'
import type { BesideQuery, QueryDefinition } from 'millrace/protocol'
import { progressDocuments } from '../../run/place/packed.ts'
import type { QueryPlace } from '../../run/place/query-place.ts'
import { checkCircles } from '../circles.ts'
import { keepSchemas } from '../../streams/schema/stream-schemas.ts'
import { deleteQuery } from '../deletion.ts'
import { isServedAt } from '../hosts.ts'
import {
  changed,
  defined,
  hasBegun,
  makeStreams,
  queriesOf,
  resultsOf,
  type NamedQuery,
  type QueryDoor,
  type QueryResults,
} from '../queries.ts'
import { notFound, QueryError } from '../query-error.ts'
import { checkSql } from '../sql-check.ts'
import { nextOf } from './trial.ts'

/** How long the query may take to come as far as the version beside it stood. */
const REACH_MS = 10_000
const LOOK_MS = 200

/**
 * Has the version `NAME.next` take the place of the query: it goes on where that one stopped, and writes to its targets, each result once.
 * `NAME.next` and its streams are deleted. What was interrupted is ended by another call. Rejects with QueryError `notFound` where no
 * version is tried, and `invalid` where the query was replaced since.
 */
export async function promoteQuery(
  door: Pick<QueryDoor, 'client' | 'now'>,
  name: string,
): Promise<NamedQuery> {
  const { client } = door
  const next = (await queriesOf(client).get(nextOf(name)))?.value
  const before = (await queriesOf(client).get(name))?.value
  if (before === undefined || before.state === 'deleting') throw notFound(name)
  if (next === undefined) {
    // An earlier call has come to its end.
    if (before.promoted !== undefined) return { name, definition: before }
    throw new QueryError(
      'notFound',
      `No version of ${name} is tried beside it: there is no query ${nextOf(name)}.`,
    )
  }
  const { beside } = next
  if (beside === undefined)
    throw new QueryError('invalid', `${nextOf(name)} is a query of its own, and no version of ${name}.`)
  const isTaken = before.promoted?.id === next.id
  const definition = isTaken ? before : await take(door, { name, next, beside })
  // Of a call that was interrupted it is not known whether it came to this.
  if (isTaken) {
    const checked = await checkSql(client, { ...definition, given: definition.columns })
    await keepSchemas(client, name, resultsOf(definition, checked))
  }
  await deleteQuery(door, nextOf(name))
  return { name, definition }
}

interface Trial {
  readonly name: string
  readonly next: QueryDefinition
  readonly beside: BesideQuery
}

async function take(
  { client, now }: Pick<QueryDoor, 'client' | 'now'>,
  { name, next, beside }: Trial,
): Promise<QueryDefinition> {
  const checkSame = (before: QueryDefinition | undefined): QueryDefinition => {
    if (before === undefined || before.state === 'deleting') throw notFound(name)
    if (before.id === beside.id && before.version === beside.version) return before
    throw new QueryError(
      'invalid',
      `${name} is no longer the version ${beside.version} beside which ${nextOf(name)} is tried: delete ${nextOf(name)}, and try it again.`,
    )
  }
  const { state: stands } = checkSame((await queriesOf(client).get(name))?.value)
  const goesOn = stands === 'running' && (await isServedAt(client, now()))
  const promoted = { id: next.id, ...(await takenUp(client, { name, beside, goesOn })) }
  let results: readonly QueryResults[] = []
  const { value } = await queriesOf(client).update(name, async (found) => {
    const before = checkSame(found)
    const { createdAt, id, version, state } = before
    const begins = before.begins && !(await hasBegun(client, name, before))
    const input = { ...changed(next, {}), columns: next.columns }
    const given = { createdAt, updatedAt: now(), id, version: version + 1, begins, state, promoted }
    const { definition, checked } = await defined(client, input, given)
    await checkCircles(client, { name, definition })
    await makeStreams(client, definition, checked)
    results = resultsOf(definition, checked)
    return definition
  })
  await keepSchemas(client, name, results)
  return value
}

/**
 * Where rows are read again for the windows of the version: from where it held them, if the query has come at least as far as it was then;
 * else from where it began.
 */
async function takenUp(
  client: Client,
  { name, beside, goesOn }: Pick<Trial, 'name' | 'beside'> & { readonly goesOn: boolean },
): Promise<Pick<QueryPlace, 'positions' | 'replayFrom'>> {
  const progress = progressDocuments(client)
  const place = (await progress.get(nextOf(name)))?.value.place
  const began = { positions: beside.begin, replayFrom: beside.begin }
  if (place === undefined) return began
  const { watermark, positions, replayFrom } = place
  for (let waited = 0; ; waited += LOOK_MS) {
    const own = (await progress.get(name))?.value.place
    if (watermark === null || (own?.watermark ?? -Infinity) >= watermark) return { positions, replayFrom }
    if (!goesOn || waited >= REACH_MS) return began
    await sleep(LOOK_MS)
  }
}
