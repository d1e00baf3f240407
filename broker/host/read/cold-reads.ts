// Bounds how many reads of storage run at once, and gives sessions their turns. Host main thread.
// Sessions take turns, each within its own share, so that a session that replays a year does not delay the others. No read
// starts for a session whose connection is full, so bytes that were read and not yet sent are bounded too.
import { refusal } from '../../../protocol/refusal.ts'
import { hostLimits } from '../host-limits.ts'
import type { Outflow } from './outflow.ts'

interface Task {
  start(): Promise<void>
  cancel(): void
}

/** The reads of one session. */
interface SessionQueue {
  readonly outflow: Outflow
  readonly waiting: Task[]
  running: number
  /** True while the queue is in the round, or waits for its connection. */
  placed: boolean
}

/** Admits reads of storage, with fair turns for sessions. */
export class ColdReads {
  readonly #runningMax: number
  readonly #queues = new Map<Outflow, SessionQueue>()
  /** Queues that may start a read, the next one first. */
  readonly #round: SessionQueue[] = []
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

  /** True if a read that is asked for now would not start at once. */
  get mustWait(): boolean {
    return this.#running >= this.#runningMax || this.#round.length > 0
  }

  /** Runs `work` when it is the session's turn. Rejects with `unavailable` if the session ends before that. */
  run<T>(outflow: Outflow, work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const start = (): Promise<void> => work().then(resolve, reject)
      const cancel = (): void => reject(refusal('unavailable', 'the session was closed'))
      if (outflow.gone) cancel()
      else this.#enter(this.#queueOf(outflow), { start, cancel })
    })
  }

  #enter(queue: SessionQueue, task: Task): void {
    queue.waiting.push(task)
    this.#waiting++
    this.#place(queue)
    this.#startNext()
  }

  #queueOf(outflow: Outflow): SessionQueue {
    let queue = this.#queues.get(outflow)
    if (queue) return queue
    queue = { outflow, waiting: [], running: 0, placed: false }
    this.#queues.set(outflow, queue)
    outflow.session.onClose(() => this.#remove(outflow))
    return queue
  }

  #remove(outflow: Outflow): void {
    const queue = this.#queues.get(outflow)
    this.#queues.delete(outflow)
    for (const task of queue?.waiting.splice(0) ?? []) {
      this.#waiting--
      task.cancel()
    }
  }

  /** Puts a queue that may start a read into the round. */
  #place(queue: SessionQueue): void {
    const mayStart = queue.waiting.length > 0 && queue.running < hostLimits.coldReadsPerSession
    if (queue.placed || !mayStart) return
    queue.placed = true
    if (queue.outflow.open) {
      this.#round.push(queue)
      return
    }
    queue.outflow.whenOpen(() => {
      this.#round.push(queue)
      this.#startNext()
    })
  }

  #startNext(): void {
    while (this.#running < this.#runningMax && this.#round.length > 0) {
      const queue = this.#round.shift()!
      queue.placed = false
      const task = queue.outflow.open ? queue.waiting.shift() : undefined
      if (!task) {
        this.#place(queue) // its connection has filled up; if its session has ended instead, this does nothing
        continue
      }
      this.#waiting--
      this.#running++
      queue.running++
      void task.start().finally(() => {
        this.#running--
        queue.running--
        this.#place(queue)
        this.#startNext()
      })
      this.#place(queue)
    }
  }
}
