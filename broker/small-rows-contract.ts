// The store of small rows, which the controller writes often and one at a time: documents. Types only: the rows are those
// of the table in catalog/small-families.ts. `storage/` implements the store, `control/` uses it.
import type { SmallFamilyName, SmallValueIn } from './catalog/small-families.ts'

/** A row's name. */
export interface SmallName<F extends SmallFamilyName = SmallFamilyName> {
  readonly family: F
  readonly key: string
}

/** A row as it is stored. */
export interface SmallRow<F extends SmallFamilyName = SmallFamilyName> extends SmallName<F> {
  /** Rises with every change of the store: a row that was removed and put again has a new version. */
  readonly version: number
  readonly value: SmallValueIn<F>
}

/** A write of one row: it puts the row, or removes it if `value` is undefined. */
export interface SmallWrite<F extends SmallFamilyName = SmallFamilyName> extends SmallName<F> {
  readonly value: SmallValueIn<F> | undefined
  /** The version that the row must have now; 0: the row must not exist; undefined: no condition. */
  readonly expected: number | undefined
}

/**
 * The outcome of a change. 'stored': all writes, under this version. 'conflict': no write, because the row `at` has this
 * version (0: it does not exist) and not the expected one. 'noRoom': no write, because the disk is full.
 */
export type SmallOutcome =
  | { readonly is: 'stored'; readonly version: number }
  | { readonly is: 'conflict'; readonly at: SmallName; readonly version: number }
  | { readonly is: 'noRoom' }

/** Which rows of a family to list. */
export interface SmallPage {
  /** Only keys that begin with this text. */
  readonly prefix?: string
  /** Only keys above this one, by the order of their bytes. */
  readonly after?: string
  readonly limit: number
}

/** How much room a row takes: the bytes of its JSON. */
export interface SmallExtent {
  readonly key: string
  readonly bytes: number
}

/** What the store tells its owner. */
export interface SmallRowsEvents {
  /** Called once when a flush failed: the process must stop. */
  readonly onBroken: (error: Error) => void
  /** Called after each flush with its duration in milliseconds. */
  readonly onCommit?: (tookMs: number) => void
}

export interface SmallRowsStore {
  /** The version of the last durable change of any row; 0 before the first. */
  readonly version: number
  /** Returns the row as of the last durable change; undefined where there is none. Throws `corruptData` if it is damaged. */
  get<F extends SmallFamilyName>(family: F, key: string): SmallRow<F> | undefined
  /** Returns rows of a family in the order of their keys' bytes, as of the last durable change. Throws `corruptData`. */
  list<F extends SmallFamilyName>(family: F, page: SmallPage): readonly SmallRow<F>[]
  /** Returns the extents of all rows of a family. It reads no value, and so names damaged rows too. */
  extents(family: SmallFamilyName): Iterable<SmallExtent>
  /**
   * Makes all of the writes or none; they are durable when it fulfils with 'stored'. Changes are decided in the order of
   * asking, each on the result of those before it; many share one flush. Rejects with `invalidArgument` for an invalid row,
   * `corruptData` if a row of which a version is expected is damaged, `overloaded` where too much waits, `outcomeUnknown` if the flush failed (reopen the store), `unavailable` once closed.
   */
  change(writes: readonly SmallWrite[]): Promise<SmallOutcome>
  /** Waits for the changes that were asked for, then closes the store. */
  close(): Promise<void>
}
