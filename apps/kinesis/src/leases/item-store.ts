// Items as documents of the broker: read, listed, and changed by compare-and-set, so that a condition holds when its write takes
// place. Runs in the endpoint. A document may also hold the write of a transaction that is not settled; who meets one settles it.
import { MillraceError, type Client, type Documents } from 'millrace'
import type { Item } from './attribute-value.ts'
import { DynamoError } from './dynamodb-error.ts'
import { TABLES_KIND } from './table-names.ts'

/** What a document of an item holds. */
export interface StoredItem {
  /** Null: there is none yet. */
  readonly item: Item | null
  /** A transaction's write: what the item is once that is committed; null: it is gone. */
  readonly prepared?: { readonly transaction: string; readonly item: Item | null }
}

/** A document of a transaction: whether it is done or not is decided by this one document. */
export interface StoredTransaction {
  readonly state: 'open' | 'committed' | 'cancelled'
  /** Who finds it open after this time cancels it: milliseconds since the epoch. */
  readonly openUntil: number
}

/** An item with its version, as it counts now. */
export interface Found {
  readonly item: Item | undefined
  /** 0 where there is no document. */
  readonly version: number
  readonly name: string
}

const TRANSACTIONS_KIND = 'kinesis-transactions'
/** Attempts to change an item that others change at the same time. */
const ATTEMPTS_MAX = 50

export class ItemStore {
  readonly items: Documents<StoredItem>
  readonly transactions: Documents<StoredTransaction>
  readonly #now: () => number

  constructor(client: Client, now: () => number) {
    this.items = client.documents<StoredItem>(TABLES_KIND)
    this.transactions = client.documents<StoredTransaction>(TRANSACTIONS_KIND)
    this.#now = now
  }

  /** The item under this name. What a transaction has prepared counts once that is committed. */
  async get(name: string): Promise<Found> {
    const document = await this.items.get(name)
    if (document === undefined) return { item: undefined, version: 0, name }
    return this.#counting(name, document)
  }

  /** All items whose names begin with a prefix, by name. */
  async *list(prefix: string): AsyncGenerator<Found & { readonly item: Item }, void, undefined> {
    for await (const document of this.items.list({ prefix })) {
      const found = await this.#counting(document.name, document)
      if (found.item !== undefined) yield { ...found, item: found.item }
    }
  }

  /**
   * Changes an item: `change` gets it as it is, and returns what it is to be; undefined deletes it. It may be called several
   * times, and may throw to leave everything as it is.
   */
  async change(
    name: string,
    change: (item: Item | undefined) => Item | undefined,
  ): Promise<{ readonly before: Item | undefined; readonly after: Item | undefined }> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const found = await this.settled(name)
      const after = change(found.item)
      if (await this.write(found, after === undefined ? undefined : { item: after })) {
        return { before: found.item, after }
      }
    }
    throw new DynamoError('TransactionConflictException', 'Transaction is ongoing for the item')
  }

  /** Puts or deletes a document if it is still the one that was found. */
  async write({ name, version }: Found, stored: StoredItem | undefined): Promise<boolean> {
    try {
      if (stored !== undefined) await this.items.put(name, stored, { expectedVersion: version })
      else if (version !== 0) await this.items.delete(name, { expectedVersion: version })
      return true
    } catch (error) {
      if (MillraceError.is(error, 'versionConflict')) return false
      throw error
    }
  }

  /** The item under this name, free of unsettled transactions. Throws TransactionConflictException while one is under way. */
  async settled(name: string): Promise<Found> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const document = await this.items.get(name)
      if (document === undefined) return { item: undefined, version: 0, name }
      const { value, version } = document
      if (value.prepared === undefined) return { item: value.item ?? undefined, version, name }
      if (!(await this.#settle(name, version, value))) break
    }
    throw new DynamoError('TransactionConflictException', 'Transaction is ongoing for the item')
  }

  async #counting(
    name: string,
    { value, version }: { readonly value: StoredItem; readonly version: number },
  ): Promise<Found> {
    const { item, prepared } = value
    const isCommitted = prepared !== undefined && (await this.#stateOf(prepared.transaction)) === 'committed'
    return { item: (isCommitted ? prepared.item : item) ?? undefined, version, name }
  }

  /** Ends what a transaction has left in a document; false while the transaction is under way. */
  async #settle(name: string, version: number, { item, prepared }: StoredItem): Promise<boolean> {
    const state = await this.#stateOf(prepared!.transaction)
    if (state === 'open') return false
    const counting = state === 'committed' ? prepared!.item : item
    await this.write({ name, version, item: undefined }, counting === null ? undefined : { item: counting })
    return true
  }

  /** The state of a transaction; one that was left open is cancelled, and one that is gone was. */
  async #stateOf(transaction: string): Promise<StoredTransaction['state']> {
    const document = await this.transactions.get(transaction)
    if (document === undefined) return 'cancelled'
    const { value, version } = document
    if (value.state !== 'open' || value.openUntil > this.#now()) return value.state
    try {
      await this.transactions.put(transaction, { ...value, state: 'cancelled' }, { expectedVersion: version })
      return 'cancelled'
    } catch (error) {
      if (MillraceError.is(error, 'versionConflict')) return this.#stateOf(transaction)
      throw error
    }
  }
}
