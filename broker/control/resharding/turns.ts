// Runs the work of each stream one piece after the other, in the order of asking. Runs in the controller.
// Waiting work is bounded in number, can be withdrawn until its turn comes, and is refused by a stop.
import { refusal } from '../../../protocol/refusal.ts'

/** A piece of work in the line of its stream. */
export interface Turn<T> {
  /** Settles as the work does. An unhandled rejection does no harm. */
  readonly done: Promise<T>
  /** Takes the work out of the line; returns false where its turn has come already. */
  withdraw(): boolean
}

interface Entry {
  readonly begin: () => Promise<void>
  readonly refuse: (error: Error) => void
}

interface Line {
  readonly waiting: Entry[]
  readonly whenIdle: (() => void)[]
}

export class Turns {
  readonly #waitingMax: number
  /** By stream id: lines whose first piece of work is running. */
  readonly #lines = new Map<number, Line>()
  #stoppedBy: Error | undefined

  constructor(options: { readonly waitingMax: number }) {
    this.#waitingMax = options.waitingMax
  }

  /** True while work of the stream runs or waits. */
  isBusy(streamId: number): boolean {
    return this.#lines.has(streamId)
  }

  /** Puts work at the end of a stream's line; calls `full`, which must throw, where too much waits. */
  take<T>(streamId: number, work: () => Promise<T>, full: () => never): Turn<T> {
    if (this.#stoppedBy !== undefined) throw this.#stoppedBy
    const line = this.#lines.get(streamId)
    if (line !== undefined && line.waiting.length >= this.#waitingMax) full()
    let entry: Entry
    const done = new Promise<T>((resolve, reject) => {
      entry = { begin: () => work().then(resolve, reject), refuse: reject }
    })
    done.catch(() => {})
    if (line === undefined) void this.#serve(streamId, entry!)
    else line.waiting.push(entry!)
    return {
      done,
      withdraw: () => {
        const at = line?.waiting.indexOf(entry) ?? -1
        if (at >= 0) line?.waiting.splice(at, 1)
        return at >= 0
      },
    }
  }

  /** Fulfils when no work of the stream runs or waits. */
  whenIdle(streamId: number): Promise<void> {
    return new Promise((resolve) => {
      const line = this.#lines.get(streamId)
      if (line === undefined) resolve()
      else line.whenIdle.push(resolve)
    })
  }

  /** Refuses waiting and new work. Running work has to end by itself. */
  stop(): void {
    this.#stoppedBy = refusal('unavailable', 'The broker is stopping.')
    for (const { waiting } of this.#lines.values()) {
      for (const { refuse } of waiting.splice(0)) refuse(this.#stoppedBy)
    }
  }

  async #serve(streamId: number, first: Entry): Promise<void> {
    const line: Line = { waiting: [], whenIdle: [] }
    this.#lines.set(streamId, line)
    for (let entry: Entry | undefined = first; entry !== undefined; entry = line.waiting.shift()) {
      await entry.begin()
    }
    this.#lines.delete(streamId)
    for (const resolve of line.whenIdle) resolve()
  }
}
