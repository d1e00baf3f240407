// What records wait for, and how they end, in words. Runs in the client, pure.
// Every error that ends a record says which shard and host it was for, what kept it from being stored, and whether it may be
// stored; `sideEffects` says the last to programs.
import { MillraceError, type AppendAttempt, type ErrorDetails } from '../../../protocol/millrace-error.ts'
import { countOf } from '../../../protocol/text/count-text.ts'
import { endSentence } from '../../errors.ts'
import type { LogEntry } from '../../settings.ts'
import type { Lane } from '../lanes/lane.ts'

/** How it stands with the records that an error ends. */
export interface Fate {
  /** The shard, and its host if one is known. */
  readonly place: string
  /** They were sent, and not every sending was answered by a refusal. */
  readonly mayBeStored: boolean
  /** How long they were tried, if that is why they end. */
  readonly triedMs?: number | undefined
  /** What kept them from being stored before, if the reason does not say it. */
  readonly lastError?: MillraceError | undefined
}

/**
 * The error that ends records for the given reason. It has the reason's code; but where they may be stored, it is
 * `outcomeUnknown`, or `aborted` where the caller ended them.
 */
export function endOf(reason: MillraceError, fate: Fate): MillraceError {
  const { place, mayBeStored, triedMs, lastError } = fate
  const tried = triedMs === undefined ? '' : `were tried for ${triedMs} ms and `
  const last = lastError === undefined ? '' : ` The last error: ${endSentence(lastError.message)}`
  const details = detailsOf(reason)
  if (!mayBeStored) {
    const message = `${endSentence(reason.message)} Records for ${place} ${tried}are not stored.${last}`
    return new MillraceError(reason.code, message, { ...details, sideEffects: 'none' })
  }
  const message =
    `Records for ${place} ${tried}may be stored: they were sent, and no answer said what became of them. ` +
    `${endSentence(reason.message)}${last}`
  return new MillraceError(reason.code === 'aborted' ? 'aborted' : 'outcomeUnknown', message, details)
}

/** The error with the attempts of the records that it ends, where there were any. */
export function triedBy(error: MillraceError, attempts: readonly AppendAttempt[]): MillraceError {
  if (attempts.length === 0) return error
  const { code, message, cause, retryAfterMs, sideEffects } = error
  return new MillraceError(code, message, {
    attempts,
    ...(cause === undefined ? {} : { cause }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(sideEffects === 'none' ? { sideEffects } : {}),
  })
}

/** The cause of what the caller ended is what the caller gave for it. */
function detailsOf(reason: MillraceError): ErrorDetails {
  const { code, cause, retryAfterMs } = reason
  return {
    cause: code === 'aborted' ? cause : reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/** The error for records that are stored, of which the host no longer knows where. */
export function storedUnknown(reason: MillraceError, place: string): MillraceError {
  const message = `${endSentence(reason.message)} Records for ${place} are stored, under numbers that the host has forgotten.`
  return new MillraceError(reason.code, message, { cause: reason })
}

/** The error for a record that was not even taken by its producer, for the given reason. */
export function notSent(reason: MillraceError): MillraceError {
  const message = `${endSentence(reason.message)} The record was not sent and is not stored.`
  // The failed request held no record, so no record can be stored, even if the error says that the request may have had effects.
  const code = reason.sideEffects === 'none' || reason.retry === 'never' ? reason.code : 'unavailable'
  return new MillraceError(code, message, { ...detailsOf(reason), sideEffects: 'none' })
}

/** Records of one shard that have waited for long. */
export interface Wait {
  readonly shardId: string
  /** Of the host that they are for, if one is known. */
  readonly address: string | undefined
  readonly waitedMs: number
  /** The end of a sentence: what they wait for. */
  readonly what: string
  /** What keeps them from being stored, if an error says it. */
  readonly error: MillraceError | undefined
}

/** What a lane says of its records. */
type WaitingLane = Pick<Lane, 'shardId' | 'address' | 'oldestAt' | 'lastError' | 'inFlight' | 'isVanishing'>

/** How it stands with a lane that waits. */
export interface WaitState {
  readonly isConnected: boolean
  readonly asksForPlace: boolean
  readonly backsOff: boolean
  readonly needsKey: boolean
}

/** What the records of a lane wait for now. Those of an empty one have not waited. */
export function waitOf(
  { shardId, address, oldestAt, lastError: error, inFlight, isVanishing }: WaitingLane,
  now: number,
  state: WaitState,
): Wait {
  const whatFor = () => {
    if (inFlight > 0) return 'an answer of its host'
    if (state.asksForPlace) return 'the broker to say where the shard is'
    if (isVanishing) return 'the shards that take the place of the shard'
    if (state.needsKey) return 'a key to encrypt them with'
    if (state.backsOff) return 'the shard to take records again'
    return state.isConnected ? 'their turn' : 'a connection to its host'
  }
  return { shardId, address, waitedMs: now - oldestAt, what: whatFor(), error }
}

/** When a producer tells of waiting records. */
export const waitLimits = {
  /** A record that has waited so long is told of. */
  toldAfterMs: 5000,
  /** A cause that comes and goes is not told more often. */
  intervalMs: 30_000,
} as const

/** Decides which waits are told: each cause once, and again only when it had gone and not before the interval is over. */
export class WaitReports {
  readonly #told = new Map<string, { at: number; isGone: boolean }>()

  /** What is to be told now, of everything that waits now. */
  due(waits: readonly Wait[], now: number): LogEntry[] {
    const causes = new Map<string, Wait[]>()
    for (const wait of waits) {
      if (wait.waitedMs < waitLimits.toldAfterMs) continue
      const key = `${wait.address ?? wait.shardId} ${wait.error?.code ?? wait.what}`
      const alike = causes.get(key)
      if (alike === undefined) causes.set(key, [wait])
      else alike.push(wait)
    }
    for (const [key, told] of this.#told) {
      told.isGone ||= !causes.has(key)
      if (told.isGone && now - told.at >= waitLimits.intervalMs) this.#told.delete(key)
    }
    const untold = [...causes].filter(([key]) => !this.#told.has(key))
    for (const [key] of untold) this.#told.set(key, { at: now, isGone: false })
    return untold.map(([, alike]) => reportOf(alike))
  }
}

/** What is told of waits that have one cause. */
function reportOf(alike: readonly Wait[]): LogEntry {
  const { shardId, waitedMs, what, address, error } = alike.reduce((a, b) =>
    b.waitedMs > a.waitedMs ? b : a,
  )
  const others = alike.length === 1 ? '' : ` and ${countOf(alike.length - 1, 'other shard')}`
  const message = `records for ${shardId}${others} have waited ${Math.floor(waitedMs / 1000)} s for ${what}`
  const known = { ...(address === undefined ? {} : { address }), ...(error === undefined ? {} : { error }) }
  return { level: 'warn', message, shardId, ...known }
}
