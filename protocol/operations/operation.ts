// What the table says of an operation, and which ids a new one may take. Runs anywhere, pure data and types.
// A family is one file beside this one; `protocol/operations.ts` joins them.
import type { ErrorCode } from '../error-codes.ts'
import type { Shape } from '../shapes.ts'

/** session: both processes; control: the controller; data: the host that owns the shard. */
export type Plane = 'session' | 'control' | 'data'

export interface Operation {
  readonly id: number
  readonly since: number
  readonly plane: Plane
  /** True where sending the same request twice has the effect of sending it once. */
  readonly idempotent: boolean
  readonly doc: string
  readonly request: Shape
  readonly response: Shape
  /** What this operation may fail with, beyond what any may: see `universalErrors`. */
  readonly errors: readonly ErrorCode[]
  /** Set where a connection begins with this operation; every other one is refused until it was answered. */
  readonly opensSession?: true
  /** Set where a process that is about to stop still serves this operation. */
  readonly servedWhileStopping?: true
  /** Set where thousands of clients ask for the same at once: its handler may encode one answer for all of them. */
  readonly sharesAnswers?: true
}

/** One file of the table: operations that belong together, all of one plane. */
export type OperationFamily = Readonly<Record<string, Operation>>

/**
 * Where the ids of operations lie, first and last of each block. A new operation takes the next free id of its block, a new
 * family begins a block of its own. An id is never given twice: an operation that is withdrawn stays in the table.
 */
export const idBlocks: Readonly<Record<string, readonly [first: number, last: number]>> = {
  session: [1, 15],
  /** Streams, resharding, and the broker itself. */
  control: [16, 31],
  /** Append, read, and subscriptions. */
  data: [32, 63],
  groups: [64, 79],
  consumers: [80, 95],
  documents: [96, 111],
  access: [112, 127],
}
