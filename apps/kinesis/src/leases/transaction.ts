// Transactions over several items: all of their writes are done, or none. Runs in the endpoint.
// In two phases: each item's document gets the write beside the item as it is; then one document, the transaction's, decides for
// all of them at once; then the writes take the place of the items. Who finds a write without its end asks that one document, so
// a crash between any two steps leaves all or nothing.
import { randomUUID } from 'node:crypto'
import { MillraceError } from 'millrace'
import type { Item } from './attribute-value.ts'
import { DynamoError, type CancellationReason } from './dynamodb-error.ts'
import type { Found, ItemStore } from './item-store.ts'

/** One write of a transaction. */
export interface TransactionWrite {
  /** Name of the item's document. */
  readonly name: string
  /** What the item is to be, from what it is; undefined: gone. Throws where a condition does not hold. */
  change(item: Item | undefined): Item | undefined
}

/** A transaction that takes longer is cancelled by those who wait for it. */
const OPEN_MS = 10_000

interface Prepared {
  readonly found: Found
  readonly after: Item | undefined
}

/** Throws TransactionCanceledException, with a reason for each write, where nothing was done. */
export async function writeTogether(
  store: ItemStore,
  writes: readonly TransactionWrite[],
  now: () => number,
): Promise<void> {
  const planned = await plan(store, writes)
  const transaction = randomUUID()
  await store.transactions.put(
    transaction,
    { state: 'open', openUntil: now() + OPEN_MS },
    { expectedVersion: 0 },
  )
  let conflict: number | undefined
  try {
    conflict = await prepare(store, planned, transaction)
  } catch (error) {
    // There is no room, or no right, for one of them: those before it are free again at once.
    if (MillraceError.is(error)) await giveUp(store, planned, transaction)
    throw error
  }
  const isCommitted = conflict === undefined && (await decide(store, transaction))
  if (!isCommitted && conflict === undefined) conflict = 0
  if (conflict !== undefined) await cancel(store, transaction)
  await settleAll(store, planned, transaction)
  if (conflict === undefined) return
  throw cancelled(
    writes.map((_, i) =>
      i === conflict
        ? { Code: 'TransactionConflict', Message: 'Transaction is ongoing for the item' }
        : { Code: 'None' },
    ),
  )
}

/** Puts each write beside its item; returns the one whose item has changed meanwhile. */
async function prepare(
  store: ItemStore,
  planned: readonly Prepared[],
  transaction: string,
): Promise<number | undefined> {
  for (const [i, { found, after }] of planned.entries()) {
    const prepared = { transaction, item: after ?? null }
    if (!(await store.write(found, { item: found.item ?? null, prepared }))) return i
  }
  return undefined
}

/** Where this fails too, those who find the writes cancel them in time. */
async function giveUp(store: ItemStore, planned: readonly Prepared[], transaction: string): Promise<void> {
  try {
    await cancel(store, transaction)
  } catch (error) {
    if (!MillraceError.is(error)) throw error
    return
  }
  await settleAll(store, planned, transaction)
}

/** Reads the items and checks the conditions: all of them, since each has a reason of its own. */
async function plan(store: ItemStore, writes: readonly TransactionWrite[]): Promise<readonly Prepared[]> {
  const planned: Prepared[] = []
  const reasons: CancellationReason[] = []
  for (const { name, change } of writes) {
    try {
      const found = await store.settled(name)
      planned.push({ found, after: change(found.item) })
      reasons.push({ Code: 'None' })
    } catch (error) {
      reasons.push(reasonOf(error))
    }
  }
  if (reasons.some(({ Code }) => Code !== 'None')) throw cancelled(reasons)
  return planned
}

/** Whatever of this fails is done by those who find it: the transaction is decided. */
async function settleAll(store: ItemStore, planned: readonly Prepared[], transaction: string): Promise<void> {
  try {
    for (const { found } of planned) {
      // Another transaction may be under way there by now, and then this one has left nothing.
      await store.settled(found.name).catch((error: unknown) => {
        if (!(error instanceof DynamoError)) throw error
      })
    }
    await store.transactions.delete(transaction)
  } catch (error) {
    if (!MillraceError.is(error)) throw error
  }
}

async function decide(store: ItemStore, transaction: string): Promise<boolean> {
  const document = await store.transactions.get(transaction)
  if (document?.value.state !== 'open') return false
  try {
    const { value, version } = document
    await store.transactions.put(transaction, { ...value, state: 'committed' }, { expectedVersion: version })
    return true
  } catch (error) {
    if (MillraceError.is(error, 'versionConflict')) return false
    throw error
  }
}

async function cancel(store: ItemStore, transaction: string): Promise<void> {
  await store.transactions.update(transaction, (value) => ({ openUntil: 0, ...value, state: 'cancelled' }))
}

function reasonOf(error: unknown): CancellationReason {
  if (!(error instanceof DynamoError)) throw error
  switch (error.code) {
    case 'ConditionalCheckFailedException':
      return { Code: 'ConditionalCheckFailed', Message: error.message, ...error.details }
    case 'TransactionConflictException':
      return { Code: 'TransactionConflict', Message: error.message }
    case 'ValidationException':
      return { Code: 'ValidationError', Message: error.message }
    default:
      throw error
  }
}

function cancelled(reasons: readonly CancellationReason[]): DynamoError {
  const codes = reasons.map(({ Code }) => Code).join(', ')
  return new DynamoError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    { CancellationReasons: reasons },
  )
}
