// The store of what the controller writes often and in small pieces: documents, and what is like them. Types only: the rows
// are those of the table in catalog/small-families.ts. `storage/` implements it, `control/` uses it.
import type { SmallFamilyName, SmallValueIn } from './catalog/small-families.ts'

/** A row's name. */
export interface SmallName<F extends SmallFamilyName = SmallFamilyName> {
  readonly family: F
  readonly key: string
}

/** A row as it is stored. */
export interface SmallRow<F extends SmallFamilyName = SmallFamilyName> extends SmallName<F> {
  /** Rises over the whole store with every change: a row that was removed and made again is another one. */
  readonly version: number
  readonly value: SmallValueIn<F>
}

/** A row that is put, or removed where it has no value. */
export interface SmallWrite<F extends SmallFamilyName = SmallFamilyName> extends SmallName<F> {
  readonly value: SmallValueIn<F> | undefined
  /** The version that the row has to have now; 0 where there has to be none; undefined for any. */
  readonly expected: number | undefined
}

/**
 * What a change has come to. 'stored' under that version, all of it; 'conflict': nothing of it, because a row has another
 * version than was expected, 0 where it is not there; 'noRoom': nothing of it, because the disk is full.
 */
export type SmallOutcome =
  | { readonly is: 'stored'; readonly version: number }
  | { readonly is: 'conflict'; readonly at: SmallName; readonly version: number }
  | { readonly is: 'noRoom' }

/** Where to go on in a family, and how far. */
export interface SmallPage {
  /** Only keys that begin so. */
  readonly prefix?: string
  /** Only keys above this one, by the order of their bytes. */
  readonly after?: string
  readonly limit: number
}

export interface SmallRowsStore {
  /** The row as of the last change that is durable; undefined where there is none. */
  get<F extends SmallFamilyName>(family: F, key: string): SmallRow<F> | undefined
  /** Rows of a family in the order of their keys' bytes, as of the last change that is durable. */
  list<F extends SmallFamilyName>(family: F, page: SmallPage): readonly SmallRow<F>[]
  /**
   * All of the writes or none; durable when it fulfils as stored. Changes are decided in the order of asking, each on what the
   * ones before it have left, and many go into one flush. Rejects with `invalidArgument` for what is no row, `overloaded` where too
   * much waits, `outcomeUnknown` where the flush failed (the store must then be opened anew), `unavailable` once it is closed.
   */
  change(writes: readonly SmallWrite[]): Promise<SmallOutcome>
  /** Waits for what was asked, then closes. */
  close(): Promise<void>
}
