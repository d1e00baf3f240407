// How many reads of storage run at once, and whose turn it is. Host main thread.
// Sessions take turns, each within a share of its own: one that replays a year does not keep the others waiting. Nothing
// starts for a session whose connection is full, so what was read and not yet taken stays bounded, too.
import { refusal } from '../../../protocol/refusal.ts'
import { hostLimits } from '../host-limits.ts'
import type { Outflow } from './outflow.ts'

interface Task {
  start(): Promise<void>
  cancel(): void
}

/** The reads of one session. */
interface Lane {
  readonly outflow: Outflow
  readonly waiting: Task[]
  running: number
  /** Stands in the round, or waits for its connection: then it needs no second place. */
  placed: boolean
}

/** Admits reads of storage, in fairness over sessions. */
export class ColdReads {
  readonly #runningMax: number
  readonly #lanes = new Map<Outflow, Lane>()
  /** Lanes that may start a read, whose turn is next first. */
  readonly #round: Lane[] = []
  #running = 0
  #waiting = 0

  constructor(runningMax: number) {
    this.#runningMax = runningMax
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Runs `work` when it is the session's turn. Rejects with `unavailable` if the session ends before that. */
  run<T>(outflow: Outflow, work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const start = (): Promise<void> => work().then(resolve, reject)
      const cancel = (): void => reject(refusal('unavailable', 'the session was closed'))
      if (outflow.gone) cancel()
      else this.#enter(this.#laneOf(outflow), { start, cancel })
    })
  }

  #enter(lane: Lane, task: Task): void {
    lane.waiting.push(task)
    this.#waiting++
    this.#place(lane)
    this.#startNext()
  }

  #laneOf(outflow: Outflow): Lane {
    let lane = this.#lanes.get(outflow)
    if (lane) return lane
    lane = { outflow, waiting: [], running: 0, placed: false }
    this.#lanes.set(outflow, lane)
    outflow.session.onClose(() => this.#remove(outflow))
    return lane
  }

  #remove(outflow: Outflow): void {
    const lane = this.#lanes.get(outflow)
    this.#lanes.delete(outflow)
    for (const task of lane?.waiting.splice(0) ?? []) {
      this.#waiting--
      task.cancel()
    }
  }

  /** Gives a lane that may start something its place in the round. */
  #place(lane: Lane): void {
    const mayStart = lane.waiting.length > 0 && lane.running < hostLimits.coldReadsPerSession
    if (lane.placed || !mayStart) return
    lane.placed = true
    if (lane.outflow.open) {
      this.#round.push(lane)
      return
    }
    lane.outflow.whenOpen(() => {
      this.#round.push(lane)
      this.#startNext()
    })
  }

  #startNext(): void {
    while (this.#running < this.#runningMax && this.#round.length > 0) {
      const lane = this.#round.shift()!
      lane.placed = false
      const task = lane.outflow.open ? lane.waiting.shift() : undefined
      if (!task) {
        this.#place(lane) // its connection filled up meanwhile; or its session ended, and this does nothing
        continue
      }
      this.#waiting--
      this.#running++
      lane.running++
      void task.start().finally(() => {
        this.#running--
        lane.running--
        this.#place(lane)
        this.#startNext()
      })
      this.#place(lane)
    }
  }
}
