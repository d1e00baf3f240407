// What one client may take of this process: requests, bytes in both directions, and time. Runs in every process that
// listens. Pure: a session reports facts, the watch decides. Time is counted in sweeps: it costs nothing per frame, and
// neither a jump of the clock nor a suspension of the process ends all sessions at once.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { limits } from '../../protocol/limits.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** Bounds of a session. Values from `limits` are part of the protocol; the others are this broker's choice. */
export interface SessionLimits {
  /** Unanswered requests of one session; further requests are refused as `overloaded`. */
  readonly requestsInFlightMax: number
  /** Undecodable requests in a row before the session ends: their sender does not speak this protocol. */
  readonly unreadableInARowMax: number
  /** Above this many bytes of unanswered requests, nothing more is read from the session. */
  readonly requestBytesInFlightMax: number
  /** Unanswered bytes of all sessions, half frames included; beyond this, requests are refused as `overloaded`. */
  readonly receivedBytesMax: number
  /** A session with more queued output starts no new request until it falls to a quarter. Less while sessions are many. */
  readonly highWaterBytes: number
  /** Unanswered requests of all sessions. From half of it on, each session may have its share only. */
  readonly requestsOfAllMax: number
  /** Memory of queued output of all sessions. Above this, sessions are cut: first those that take nothing, the largest first. */
  readonly queuedBytesOfAllMax: number
  /** A session may not have more queued output than this for longer than `slowConsumerMs`. */
  readonly queuedBytesMax: number
  readonly helloDeadlineMs: number
  readonly frameDeadlineMs: number
  readonly idleMs: number
  /** How long queued output may stay above `queuedBytesMax`. */
  readonly slowConsumerMs: number
  /** A client with queued output that takes none of it for this long is cut. */
  readonly stallMs: number
  /** Longest time from the end of a session to the end of its connection. */
  readonly closeDeadlineMs: number
  /** Interval of the sweeps that check deadlines: each deadline may be late by this much. */
  readonly sweepMs: number
  /** A drain waits this long for requests that clients sent before they learned of it. */
  readonly drainGraceMs: number
}

export const sessionLimits: SessionLimits = {
  requestsInFlightMax: limits.sessionRequestsInFlightMax,
  requestsOfAllMax: 32_768,
  unreadableInARowMax: 64,
  requestBytesInFlightMax: 2 * limits.frameBytesMax,
  receivedBytesMax: 512 * MiB,
  highWaterBytes: 4 * MiB,
  queuedBytesOfAllMax: 160 * MiB,
  queuedBytesMax: 32 * MiB,
  helloDeadlineMs: limits.helloDeadlineMs,
  frameDeadlineMs: limits.frameDeadlineMs,
  idleMs: limits.sessionIdleMs,
  slowConsumerMs: 10_000,
  stallMs: 30_000,
  closeDeadlineMs: 5_000,
  sweepMs: 1_000,
  drainGraceMs: 100,
}

/** greeting: no hello yet; authenticating: it must be said who asks; open: serving; closing: ending, nothing more is served. */
export type SessionPhase = 'greeting' | 'authenticating' | 'open' | 'closing'

/** What a session reports at a sweep. Counters only rise. */
export interface SessionFacts {
  readonly phase: SessionPhase
  /** Frames received so far. */
  readonly framesReceived: number
  /** A frame has arrived in part. */
  readonly midFrame: boolean
  /** This side has paused reading, so silence is not the client's fault. */
  readonly held: boolean
  readonly queuedBytes: number
  /** Bytes that the kernel has taken so far. */
  readonly bytesTaken: number
}

/** Why a session must go. */
export interface Overdue {
  readonly code: ErrorCode
  readonly message: string
}

/** Watches one session, and says at a sweep whether a deadline has passed. `now` is the sweeper's count of milliseconds. */
export class SessionWatch {
  readonly #limits: SessionLimits
  #phase: SessionPhase = 'greeting'
  #phaseSince: number
  #framesReceived = 0
  #heardAt: number
  #midFrameSince: number | undefined
  #bytesTaken = 0
  #takenAt: number
  #aboveMaxSince: number | undefined

  constructor(sessionBounds: SessionLimits, now: number) {
    this.#limits = sessionBounds
    this.#phaseSince = this.#heardAt = this.#takenAt = now
  }

  /** Returns the first deadline that has passed, if any. */
  look(facts: SessionFacts, now: number): Overdue | undefined {
    this.#observe(facts, now)
    const bounds = this.#limits
    switch (facts.phase) {
      case 'closing':
        return since(this.#phaseSince, now, bounds.closeDeadlineMs, 'The connection did not end in time.')
      case 'greeting':
        return (
          since(this.#phaseSince, now, bounds.helloDeadlineMs, 'No hello came in time.') ?? this.#stuck(now)
        )
      case 'authenticating':
        return (
          since(this.#phaseSince, now, bounds.helloDeadlineMs, 'It was not said in time who asks.') ??
          this.#stuck(now)
        )
      case 'open':
        return (
          this.#stuck(now) ??
          since(this.#heardAt, now, bounds.idleMs, 'Nothing was heard from the client; it should ping.')
        )
    }
  }

  #observe(facts: SessionFacts, now: number): void {
    if (facts.phase !== this.#phase) {
      this.#phase = facts.phase
      // One deadline for the whole way to an open session.
      if (facts.phase !== 'authenticating') this.#phaseSince = now
    }
    const frameEnded = facts.framesReceived !== this.#framesReceived
    if (frameEnded || facts.held) this.#heardAt = now
    this.#framesReceived = facts.framesReceived
    if (!facts.midFrame) this.#midFrameSince = undefined
    else if (frameEnded || facts.held) this.#midFrameSince = now
    else this.#midFrameSince ??= now
    if (facts.queuedBytes === 0 || facts.bytesTaken !== this.#bytesTaken) this.#takenAt = now
    this.#bytesTaken = facts.bytesTaken
    if (facts.queuedBytes <= this.#limits.queuedBytesMax) this.#aboveMaxSince = undefined
    else this.#aboveMaxSince ??= now
  }

  /** Returns why the session is stuck, if it is: an incomplete frame, or output that the client does not take. */
  #stuck(now: number): Overdue | undefined {
    const { frameDeadlineMs, slowConsumerMs, stallMs, queuedBytesMax } = this.#limits
    const tooMuch = `The client takes its answers too slowly: more than ${queuedBytesMax} bytes wait for it.`
    return (
      since(this.#midFrameSince, now, frameDeadlineMs, 'A frame began and was not completed in time.') ??
      since(this.#takenAt, now, stallMs, 'The client takes none of the bytes that wait for it.') ??
      since(this.#aboveMaxSince, now, slowConsumerMs, tooMuch, 'slowConsumer')
    )
  }
}

function since(
  start: number | undefined,
  now: number,
  deadlineMs: number,
  message: string,
  code: ErrorCode = 'timedOut',
): Overdue | undefined {
  if (start === undefined || now - start < deadlineMs) return undefined
  return { code, message: `${message} The limit is ${deadlineMs} ms.` }
}

/** Least share of a session in `requestsOfAllMax`, however many sessions there are. */
const REQUESTS_SHARE_MIN = 8

/**
 * Returns how many unanswered requests a session may have at the moment. While those of all are few, as many as the
 * protocol allows; from half of their bound on, a share of the other half, so that sessions that let thousands of requests
 * wait lock no other out.
 */
export function requestsMaxOf(
  { requestsInFlightMax, requestsOfAllMax }: SessionLimits,
  { unanswered, sessions }: { readonly unanswered: number; readonly sessions: number },
): number {
  if (unanswered < requestsOfAllMax / 2) return requestsInFlightMax
  const share = Math.floor(requestsOfAllMax / 2 / Math.max(1, sessions))
  return Math.min(requestsInFlightMax, Math.max(REQUESTS_SHARE_MIN, share))
}

/** A bounded number of bytes that all sessions of a process share. */
export class ByteBudget {
  #free: number

  constructor(bytes: number) {
    this.#free = bytes
  }

  /** Takes `bytes` and returns true; returns false, and takes nothing, where not all are free. */
  take(bytes: number): boolean {
    if (bytes > this.#free) return false
    this.#free -= bytes
    return true
  }

  give(bytes: number): void {
    this.#free += bytes
  }
}
