// How the agent stands, as its page, its JSON and its metrics show it. Types.
import type { FileStatus } from '../files/file-status.ts'
import type { FlowState } from '../flows/flow.ts'
import type { FlowTally } from '../flows/tally.ts'

export interface FileSnapshot extends FileStatus {
  /** Bytes that are delivered a second, of late. */
  readonly bytesPerSecond: number
  /** Since when there is more to deliver and nothing is, in milliseconds since 1970. */
  readonly standsSince: number | undefined
}

export interface FlowSnapshot {
  readonly name: string
  /** In words: `the stream clicks`. */
  readonly destination: string
  readonly state: FlowState
  /** Why it waits or has failed. */
  readonly reason: string | undefined
  readonly tally: Readonly<FlowTally>
  /** Looks of the watchdog in a row in which processing skipped all that was read. */
  readonly consecutiveProcessingErrors: number
  readonly onItsWay: { readonly chunks: number; readonly bytes: number }
  readonly lastError: { readonly at: number; readonly message: string } | undefined
  readonly files: readonly FileSnapshot[]
}

export interface AgentSnapshot {
  readonly at: number
  readonly startedAt: number
  readonly config: string
  readonly warnings: readonly string[]
  readonly flows: readonly FlowSnapshot[]
}
