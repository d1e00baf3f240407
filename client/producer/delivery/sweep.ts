// Looks at the lanes of a producer from time to time while records wait in them: whose time is over, and what is to be told
// of. Runs in the client. It sleeps while nothing waits.
import type { LogEntry } from '../../settings.ts'
import { sweepMsOf, type LaneDeadlines } from '../lanes/deadlines.ts'
import type { Lane } from '../lanes/lane.ts'
import { waitOf, WaitReports, type WaitState } from './waits.ts'

export interface SweepOptions {
  readonly monotonic: () => number
  readonly deadlines: LaneDeadlines
  readonly lanes: () => readonly Lane[]
  readonly stateOf: (lane: Lane) => WaitState
  /** The time of the lane's first batch is over. */
  readonly onDue: (lane: Lane) => void
  readonly log: (entry: LogEntry) => void
}

export class Sweep {
  readonly #options: SweepOptions
  readonly #waitReports = new WaitReports()
  #timer: NodeJS.Timeout | undefined

  constructor(options: SweepOptions) {
    this.#options = options
  }

  /** Something waits. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), sweepMsOf(this.#options.deadlines))
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const { monotonic, deadlines, onDue } = this.#options
    const now = monotonic()
    const lanes = this.#options.lanes()
    this.#tellOfWaits(lanes, now)
    if (lanes.every((lane) => lane.isEmpty)) this.stop()
    for (const lane of lanes) if (lane.isDue(now, deadlines)) onDue(lane)
  }

  #tellOfWaits(lanes: readonly Lane[], now: number): void {
    const waits = lanes.map((lane) => waitOf(lane, now, this.#options.stateOf(lane)))
    for (const entry of this.#waitReports.due(waits, now)) this.#options.log(entry)
  }
}
