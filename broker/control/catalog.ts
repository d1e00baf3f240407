// The catalog at work: one state in memory, changed one decision at a time. Runs in the controller.
// A change is visible only after its commit is durable. A commit that fails leaves open what is stored, so nothing
// more is decided in this process: it stops, and the next start reads what holds.
import { invariant } from '../../protocol/invariant.ts'
import { refusal } from '../../protocol/refusal.ts'
import type { BrokerRow, CatalogChange, CatalogStore } from '../catalog-contract.ts'
import type { Time } from '../time.ts'
import { applyChanges, readCatalog, type CatalogState } from '../catalog/state.ts'

/** What a decision comes to: rows to change, and what its caller gets once they are durable. */
export interface CatalogPlan<T> {
  readonly changes: readonly CatalogChange[]
  readonly result: T
}

export interface CatalogOptions {
  readonly store: CatalogStore
  readonly time: Time
  /** Identity for a data directory that has none yet. */
  readonly newBrokerId: () => string
  /** Told once when a commit failed: the process must stop. */
  readonly onBroken: (error: Error) => void
  /** Told how long each commit took, in milliseconds. */
  readonly onCommit?: (tookMs: number) => void
}

export class Catalog {
  readonly #options: CatalogOptions
  #state: CatalogState
  #lastChange: Promise<unknown> = Promise.resolve()
  #isClosed = false

  /** Reads every row; a new data directory gets its identity first. */
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

  /** Everything durable, as of the last commit. */
  get state(): CatalogState {
    return this.#state
  }

  /** False once it was closed or a commit failed: nothing is decided here any more. */
  get isOpen(): boolean {
    return !this.#isClosed
  }

  get broker(): BrokerRow['value'] {
    invariant(this.#state.broker !== undefined, 'the catalog has an identity from its first commit on')
    return this.#state.broker
  }

  /**
   * Decides on the newest state and makes the decision durable; decisions run one after the other. What `decide`
   * throws refuses the change without a trace. Rejects with `outcomeUnknown` when the commit failed.
   */
  change<T>(decide: (state: CatalogState) => CatalogPlan<T>): Promise<T> {
    const change = this.#lastChange.then(() => this.#run(decide))
    this.#lastChange = change.catch(() => {})
    return change
  }

  /** Waits for what was decided, then closes the store. */
  async close(): Promise<void> {
    await this.#lastChange
    this.#isClosed = true
    await this.#options.store.close()
  }

  async #run<T>(decide: (state: CatalogState) => CatalogPlan<T>): Promise<T> {
    if (this.#isClosed) throw refusal('unavailable', 'The catalog is closed: the broker is stopping.')
    const { changes, result } = decide(this.#state)
    if (changes.length === 0) return result
    // Applied first, to a value that nobody sees: rows that contradict each other must not reach the disk.
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
