// The state of a tumbling window between two calls. Type.

/** The window that is open in a shard. */
export interface WindowState {
  /** Milliseconds; the end is not part of it. */
  readonly start: number
  readonly end: number
  /** What the function returned last. */
  readonly state: unknown
  /** The last record that is in the state. */
  readonly last: number
  /** The state grew too large: the next call is the last one of this window. */
  readonly isTerminatedEarly: boolean
}
