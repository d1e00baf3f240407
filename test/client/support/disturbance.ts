// What a test has the fake broker do to a request.
import type { ErrorCode } from '../../../protocol/index.ts'

/** What becomes of one request. 'lingers': the connection breaks, and the request is done later all the same. */
export type Disturbance =
  | 'none'
  | 'lostBefore'
  | 'lostAfter'
  | 'lingers'
  | 'hangs'
  /** It is done and answered when everything else that can happen now has happened. */
  | 'late'
  | { readonly refuse: ErrorCode; readonly retryAfterMs?: number }
  | BatchDisturbance

/** Of an append: each batch by itself; undefined lets it pass. */
export interface BatchDisturbance {
  readonly refuseBatch: (place: number) => ErrorCode | undefined
  readonly stores?: boolean
}
