// Who asks on a session, and what he may do. Runs in every process that listens; pure. A session has one identity at a time,
// which is replaced as a whole when the principal's grants change.
import type { Action, ResourceKind } from '../../protocol/access/grant.ts'

export interface Identity {
  /** Name of the principal; undefined where access is open and nobody said who he is. */
  readonly principal: string | undefined
  /** True if the action on the thing of this name is granted at this moment. */
  may(action: Action, kind: ResourceKind, name: string): boolean
}

/** Everyone who reaches a process where access is open: may do everything. */
export const anyone: Identity = { principal: undefined, may: () => true }
