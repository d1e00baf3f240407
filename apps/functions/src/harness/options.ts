// What a harness is told. Pure.
import type { MappingInput } from '../definitions/checks.ts'
import type { HarnessHandler } from './handler-call.ts'

/** How often something goes wrong: 0 never, 1 always. */
export interface HarnessFaults {
  /** The function cannot be called: no attempt is counted. */
  readonly throttles?: number
  /** The call fails before the handler does anything. */
  readonly failures?: number
  /** The handler has done its work, and its answer is lost: it is called with the same records again. */
  readonly lostAnswers?: number
  /** In each step: the app is restarted, and goes on from what it has kept. What it had not is done again. */
  readonly restarts?: number
  /** In each step: a shard is split, or two are merged. */
  readonly reshards?: number
}

export interface HarnessOptions {
  /** The handler itself… */
  readonly handler?: HarnessHandler
  /** …or the absolute path of its module, with `#export` where it is not `handler`. */
  readonly module?: string
  /** How it is called: as a mapping is defined, but for its function and its source. */
  readonly mapping?: Omit<MappingInput, 'function' | 'source'>
  /** All that happens follows from it, and from the handler. */
  readonly seed?: number
  /** Shards at the beginning. */
  readonly shards?: number
  readonly faults?: HarnessFaults
  /** When it begins, in milliseconds. */
  readonly startAt?: number
  /** What the handler is told of its time. */
  readonly timeoutMs?: number
  /** How long a handler may really take. */
  readonly watchdogMs?: number
}

/** Faults for a first try: each happens now and then in a run of a hundred steps. */
export const someFaults: Required<HarnessFaults> = {
  throttles: 0.05,
  failures: 0.1,
  lostAnswers: 0.05,
  restarts: 0.02,
  reshards: 0.02,
}
