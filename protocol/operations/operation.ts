// Defines what the table says about an operation, and which ids new operations may take. Runs anywhere, pure data and types.
// Each family is a file in this folder; `protocol/operations.ts` joins them.
import type { ErrorCode } from '../error-codes.ts'
import type { Shape } from '../shapes.ts'
import type { GrantRule } from './grant-rule.ts'

/** Who serves an operation. session: controller and hosts; control: the controller; data: the shard's host. */
export type Plane = 'session' | 'control' | 'data'

export interface Operation {
  readonly id: number
  readonly since: number
  readonly plane: Plane
  /** True if sending the same request twice has the same effect as sending it once. */
  readonly idempotent: boolean
  readonly doc: string
  /** What the sender must be granted: all of it. */
  readonly grant: readonly GrantRule[]
  readonly request: Shape
  readonly response: Shape
  /** Error codes of this operation, beside those of all operations: see `universalErrors`. */
  readonly errors: readonly ErrorCode[]
  /** Set if a connection begins with this operation; all others are refused until it is answered. */
  readonly opensSession?: true
  /** Set if a process that is about to stop still serves this operation. */
  readonly servedWhileStopping?: true
  /** Set if thousands of clients ask for the same at once: the handler may encode one answer for all of them. */
  readonly sharesAnswers?: true
}

/** One file of the table: operations that belong together, all of one plane. */
export type OperationFamily = Readonly<Record<string, Operation>>

/**
 * The blocks of operation ids, with the first and the last id of each. A new operation takes the next free id of its block; a
 * new family begins a new block. Ids are never reused: a withdrawn operation stays in the table.
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
