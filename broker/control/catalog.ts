// The live catalog: one state in memory, changed one decision at a time. Runs in the controller.
// A change is visible only after its commit is durable. After a failed commit it is unknown what is stored, so this
// process decides nothing more: it stops, and the next start reads what is stored.
import { invariant } from '../../protocol/invariant.ts'
import { refusal } from '../../protocol/refusal.ts'
import type { BrokerRow, CatalogChange, CatalogStore } from '../catalog-contract.ts'
import type { Time } from '../time.ts'
import { applyChanges, readCatalog, type CatalogState } from '../catalog/state.ts'

/** A decision: the rows to change, and the result for its caller once they are durable. */
export interface CatalogPlan<T> {
  readonly changes: readonly CatalogChange[]
  readonly result: T
}

export interface CatalogOptions {
  readonly store: CatalogStore
  readonly time: Time
  /** Makes the identity of a new data directory. */
  readonly newBrokerId: () => string
  /** Called once, when a commit has failed: the process must stop. */
  readonly onBroken: (error: Error) => void
  /** Called after each commit with its duration in milliseconds. */
  readonly onCommit?: (tookMs: number) => void
}

export class Catalog {
  readonly #options: CatalogOptions
  #state: CatalogState
  #lastChange: Promise<unknown> = Promise.resolve()
  #isClosed = false

  /** Opens the catalog from the store's rows; gives a new data directory its identity. */
  static async open(options: CatalogOptions): Promise<Catalog> {
    const catalog = new Catalog(options, readCatalog(options.store.load()))
    if (catalog.state.broker === undefined) {
      await catalog.change(() => {
        const value = {
          brokerId: options.newBrokerId(),
          createdAt: options.time.now(),
          nextStreamId: 1,
          nextSlot: 1,
        }
        return { changes: [{ put: { family: 'broker', key: 'broker', value } }], result: undefined }
      })
    }
    return catalog
  }

  private constructor(options: CatalogOptions, state: CatalogState) {
    this.#options = options
    this.#state = state
  }

  /** The state as of the last durable commit. */
  get state(): CatalogState {
    return this.#state
  }

  /** False after `close` or a failed commit: every further change is refused. */
  get isOpen(): boolean {
    return !this.#isClosed
  }

  get broker(): BrokerRow['value'] {
    invariant(this.#state.broker !== undefined, 'the catalog has an identity from its first commit on')
    return this.#state.broker
  }

  /**
   * Calls `decide` with the newest state and makes its plan durable; changes run one after the other. Rejects with what
   * `decide` throws (nothing is changed), with `outcomeUnknown` if the commit fails, with `unavailable` after that.
   */
  change<T>(decide: (state: CatalogState) => CatalogPlan<T>): Promise<T> {
    const change = this.#lastChange.then(() => this.#run(decide))
    this.#lastChange = change.catch(() => {})
    return change
  }

  /** Waits for the changes that were asked for, then closes the store. */
  async close(): Promise<void> {
    await this.#lastChange
    this.#isClosed = true
    await this.#options.store.close()
  }

  async #run<T>(decide: (state: CatalogState) => CatalogPlan<T>): Promise<T> {
    if (this.#isClosed) throw refusal('unavailable', 'The catalog is closed: the broker is stopping.')
    const { changes, result } = decide(this.#state)
    if (changes.length === 0) return result
    // Applied before the commit, because it throws on rows that contradict each other: these must not reach the disk.
    const next = applyChanges(this.#state, changes)
    const startedAt = this.#options.time.elapsed()
    try {
      await this.#options.store.commit(changes)
    } catch (cause) {
      this.#isClosed = true
      const reason = cause instanceof Error ? cause.message : String(cause)
      const error = refusal(
        'outcomeUnknown',
        `The catalog could not be written (${reason}); the broker restarts and reads what is stored.`,
        { cause },
      )
      this.#options.onBroken(error)
      throw error
    }
    this.#state = next
    this.#options.onCommit?.(this.#options.time.elapsed() - startedAt)
    return result
  }
}
