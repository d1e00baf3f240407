// The tumbling window of one shard: which one is open, with what state, and when its last call is due. Runs in the app, pure.
import type { WindowOfCall } from '../events/kinesis-batch.ts'
import { mappingLimits } from '../mapping/rules.ts'
import { windowStart } from './window-bounds.ts'
import type { WindowState } from './window-state.ts'

export class WindowKeeper {
  readonly #lengthMs: number
  #open: WindowState | undefined
  /** As of the last record that is done: output that is not stored is made again from there. */
  #done: WindowState | undefined

  /** `lengthMs` 0: there are no windows. A state of another length is left behind. */
  constructor(lengthMs: number, kept: WindowState | undefined) {
    this.#lengthMs = lengthMs
    if (kept !== undefined && lengthMs > 0 && kept.end - kept.start === lengthMs)
      this.#open = this.#done = kept
  }

  get isOpen(): boolean {
    return this.#open !== undefined
  }

  get state(): WindowState | undefined {
    return this.#open
  }

  /** The window as of what is done. */
  get doneState(): WindowState | undefined {
    return this.#done
  }

  /** What was called with is done, and this window was open after it. */
  done(window: WindowState | undefined): void {
    this.#done = window
  }

  /** The last record in the state of the window that is open. */
  get last(): number | undefined {
    return this.#open?.last
  }

  /** The window of a call for records that arrived at this time, or of the last call. */
  ofCall(arrivedAt: number | undefined, isFinal: boolean): WindowOfCall | undefined {
    if (this.#lengthMs === 0) return undefined
    const open = this.#open
    if (open !== undefined) {
      const { start, end, state, isTerminatedEarly } = open
      return { start, end, state, isFinal, isTerminatedEarly: isFinal && isTerminatedEarly }
    }
    const start = windowStart(arrivedAt ?? 0, this.#lengthMs)
    return { start, end: start + this.#lengthMs, state: {}, isFinal, isTerminatedEarly: false }
  }

  /** A call has succeeded, up to this record: what it returned is the state from now on. The first one opens the window. */
  returned(
    { state, stateBytes = 0 }: { readonly state?: unknown; readonly stateBytes?: number | undefined },
    { sequenceNumber: last, arrivedAt }: { readonly sequenceNumber: number; readonly arrivedAt: number },
  ): void {
    if (this.#lengthMs === 0) return
    const start = this.#open?.start ?? windowStart(arrivedAt, this.#lengthMs)
    const isTerminatedEarly = stateBytes > mappingLimits.windowStateBytesMax
    this.#open = { start, end: start + this.#lengthMs, state, last, isTerminatedEarly }
  }

  /** The last call of the window has succeeded. */
  closed(): void {
    this.#open = undefined
  }

  /**
   * When the last call of the open window is due: at once (-Infinity) if its state is too large, a record of a later window comes, or the
   * shard has ended; a while after its end if no records wait; undefined: not yet, or there is none.
   */
  finalAt(next: {
    readonly nextArrival: number | undefined
    readonly isDry: boolean
    readonly isEnded: boolean
    readonly isAtTip: boolean
  }): number | undefined {
    const open = this.#open
    if (open === undefined) return undefined
    if (open.isTerminatedEarly) return -Infinity
    if (next.nextArrival !== undefined) return next.nextArrival >= open.end ? -Infinity : undefined
    if (!next.isDry) return undefined
    if (next.isEnded) return -Infinity
    return next.isAtTip ? open.end + mappingLimits.windowGraceMs : undefined
  }
}
