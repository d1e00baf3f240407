// The end of a query. Runs wherever there is a client. It is marked first, so that an app leaves it and removes it; where none
// runs, the caller does. What it has written stays.
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, type Client } from 'millrace'
import { keepSchemas } from '../streams/schema/stream-schemas.ts'
import { isServedAt } from './hosts.ts'
import { queriesOf, type QueryDoor } from './queries.ts'
import { deleteTrialStreams } from './beside/trial.ts'
import { deleteUnits } from './parts.ts'
import { deletePartsStream } from '../run/parts/parts-stream.ts'
import { notFound } from './query-error.ts'

/** How long an app may take to leave a query before it is removed all the same: what it would write then is refused. */
const LEAVE_MS = 10_000
const LOOK_MS = 100

/**
 * Deletes a query, with its progress; one that is tried beside another with its streams. Fulfils when it is gone. Rejects with QueryError
 * `notFound`.
 */
export async function deleteQuery(
  { client, now }: Pick<QueryDoor, 'client' | 'now'>,
  name: string,
): Promise<void> {
  const queries = queriesOf(client)
  const found = (await queries.get(name))?.value
  // While it is there, a call that was interrupted can be made again.
  if (found?.beside !== undefined) await deleteTrialStreams({ client, now }, name, found)
  const { value } = await queries.update(name, (before) => {
    if (before === undefined) throw notFound(name)
    return { ...before, state: 'deleting', updatedAt: now() }
  })
  const marked = await queries.get(name)
  if (marked !== undefined && (await isServedAt(client, marked.updatedAt.getTime()))) await gone(client, name)
  await finishDeletion(client, name)
  await keepSchemas(client, name, [])
  // Before that, what writes to it would fail.
  await deletePartsStream(client, value.sharing)
}

/** Removes all that there is of a query that is being deleted. */
async function finishDeletion(client: Client, name: string): Promise<void> {
  const queries = queriesOf(client)
  const document = await queries.get(name)
  if (document?.value.state !== 'deleting') return
  await deleteUnits(client, name, undefined)
  try {
    await queries.delete(name, { expectedVersion: document.version })
  } catch (error) {
    // Somebody else has removed it, and perhaps made one of that name.
    if (!MillraceError.is(error, 'versionConflict')) throw error
  }
}

/** Waits until the query is gone, for a bounded time. */
async function gone(client: Client, name: string): Promise<void> {
  for (let waited = 0; waited < LEAVE_MS; waited += LOOK_MS) {
    if ((await queriesOf(client).get(name)) === undefined) return
    await sleep(LOOK_MS)
  }
}
