// What one client may take of this process: requests, bytes in both directions, and time. Runs in every process that
// listens. Pure: a session reports what it sees, the watch decides. Time is counted in sweeps, so it costs nothing per
// frame, and neither a clock that jumps nor a process that was suspended cuts every client at once.
import type { ErrorCode } from '../../protocol/error-codes.ts'
import { limits } from '../../protocol/limits.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** Bounds of a session. Those of the protocol are what clients are told; the rest is this broker's own. */
export interface SessionLimits {
  /** Requests that one session may have unanswered; one more is refused as `overloaded`. */
  readonly requestsInFlightMax: number
  /** Requests in a row that are wrong inside: their sender does not speak this protocol, and answers are dear. */
  readonly unreadableInARowMax: number
  /** Bytes of unanswered requests of one session above which nothing more is read from it. */
  readonly requestBytesInFlightMax: number
  /** Bytes received and not yet answered, half frames included, of all sessions; beyond it requests are `overloaded`. */
  readonly receivedBytesMax: number
  /** Queued output above which a session starts no new request, as long as there are few; a quarter of it lets it go on. */
  readonly highWaterBytes: number
  /** Queued output of all sessions. Above it those are cut that take nothing, the largest first. */
  readonly queuedBytesOfAllMax: number
  /** Queued output that a session may not stay above. */
  readonly queuedBytesMax: number
  readonly helloDeadlineMs: number
  readonly frameDeadlineMs: number
  readonly idleMs: number
  /** How long queued output may stay above `queuedBytesMax`. */
  readonly slowConsumerMs: number
  /** How long a client with queued output may take none of it. */
  readonly stallMs: number
  /** How long a connection may take to end once it was told to. */
  readonly closeDeadlineMs: number
  /** How often deadlines are looked at: all of them are late by up to this. */
  readonly sweepMs: number
  /** How long a drain waits for requests that were under way when clients were told of it. */
  readonly drainGraceMs: number
}

export const sessionLimits: SessionLimits = {
  requestsInFlightMax: limits.sessionRequestsInFlightMax,
  unreadableInARowMax: 64,
  requestBytesInFlightMax: 2 * limits.frameBytesMax,
  receivedBytesMax: 512 * MiB,
  highWaterBytes: 4 * MiB,
  queuedBytesOfAllMax: 256 * MiB,
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

/** greeting: no hello yet; open: serving; closing: ending, nothing more is served. */
export type SessionPhase = 'greeting' | 'open' | 'closing'

/** What a sweep sees of a session. The counters only rise. */
export interface SessionFacts {
  readonly phase: SessionPhase
  /** Frames received so far. */
  readonly framesReceived: number
  /** A frame is half here. */
  readonly midFrame: boolean
  /** This side holds the reading: silence is not the client's fault. */
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

/** Follows one session from sweep to sweep, and says when a deadline has passed. Times are milliseconds of the sweeper. */
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

  /** The first deadline that has passed, if any. */
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
      this.#phaseSince = now
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

  /** A half frame that does not grow up, or output that is not taken. */
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

/** A bounded number of bytes that all sessions of a process share. */
export class ByteBudget {
  #free: number

  constructor(bytes: number) {
    this.#free = bytes
  }

  /** Takes all of `bytes`, or nothing and answers false. */
  take(bytes: number): boolean {
    if (bytes > this.#free) return false
    this.#free -= bytes
    return true
  }

  give(bytes: number): void {
    this.#free += bytes
  }
}
