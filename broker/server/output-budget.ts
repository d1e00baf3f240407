// Bounds the memory that queued output of all sessions of a process holds. Runs on the main thread of every process that
// listens; pure. Limits of a session bound one client that reads nothing; this bounds many such clients: the more sessions
// there are, the earlier each stops, and where that is not enough, sessions that read nothing are cut, the largest first.
// What counts is not the bytes that wait but the buffers that they lie in: a client that takes all but the end of a large
// answer keeps the whole buffer in memory. A buffer that several sessions hold counts once.
import { invariant } from '../../protocol/invariant.ts'

/** What the budget needs to know of a session. */
export interface Sender {
  /** Bytes of the buffers that hold what waits to be sent. */
  readonly heldBytes: number
  /** True if the client took bytes since the last sweep, or was accepted after it. */
  readonly isTaking: boolean
}

/** Least value of `highWaterBytes`, however many sessions there are. */
const SHARE_BYTES_MIN = 128 * 1024

/** One more answer may take this part of what is free. */
const ANSWER_PART = 1 / 8

export class OutputBudget {
  readonly #bytesMax: number
  readonly #highWaterBytesMax: number
  /** How many sessions hold each buffer. */
  readonly #holders = new Map<ArrayBufferLike, number>()
  #bytes = 0
  #lookAbove = Infinity

  /** `bytesMax`: buffers of all sessions. `highWaterBytesMax`: high-water mark of a session while sessions are few. */
  constructor({ bytesMax, highWaterBytesMax }: { bytesMax: number; highWaterBytesMax: number }) {
    this.#bytesMax = bytesMax
    this.#highWaterBytesMax = highWaterBytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  /** True if there is so much that somebody must be cut, or that what single accounts have must be looked at. */
  get needsLook(): boolean {
    return this.#bytes > this.#lookAbove || this.isExceeded
  }

  /** Sets from how many bytes on accounts are looked at. */
  lookAbove(bytes: number): void {
    this.#lookAbove = bytes
  }

  get isExceeded(): boolean {
    return this.#bytes > this.#bytesMax
  }

  /** Counts a buffer that a session holds from now on. */
  hold(buffer: ArrayBufferLike): void {
    const holders = this.#holders.get(buffer) ?? 0
    if (holders === 0) this.#bytes += buffer.byteLength
    this.#holders.set(buffer, holders + 1)
  }

  /** Undoes one `hold`. */
  release(buffer: ArrayBufferLike): void {
    const holders = this.#holders.get(buffer)
    invariant(holders !== undefined, 'a buffer is released as often as it was held')
    if (holders > 1) {
      this.#holders.set(buffer, holders - 1)
      return
    }
    this.#holders.delete(buffer)
    this.#bytes -= buffer.byteLength
  }

  /** Returns the high-water mark of each session: half of the budget is divided, the rest is for answers under way. */
  highWaterBytes(sessions: number): number {
    const share = Math.floor(this.#bytesMax / 2 / Math.max(1, sessions))
    return Math.min(this.#highWaterBytesMax, Math.max(SHARE_BYTES_MIN, share))
  }

  /** Returns how large one more answer may be: as large as a session's share, or more while much is free. */
  answerBytes(sessions: number): number {
    const free = Math.max(0, this.#bytesMax - this.#bytes)
    return Math.max(this.highWaterBytes(sessions), Math.floor(free * ANSWER_PART))
  }

  /** Returns the sessions that hold something, in the order in which they are cut while the budget is exceeded. */
  cutOrder<S extends Sender>(senders: Iterable<S>): S[] {
    return [...senders]
      .filter(({ heldBytes }) => heldBytes > 0)
      .sort((a, b) => Number(a.isTaking) - Number(b.isTaking) || b.heldBytes - a.heldBytes)
  }
}

/** What one session holds. */
export class OutputShare {
  readonly #budget: OutputBudget
  /** How many of the chunks that wait lie in each buffer. */
  readonly #chunks = new Map<ArrayBufferLike, number>()
  #bytes = 0
  #isGivenUp = false

  constructor(budget: OutputBudget) {
    this.#budget = budget
  }

  /** Bytes of the buffers that the session holds. */
  get bytes(): number {
    return this.#bytes
  }

  /** The buffers that the session holds, each once. */
  get buffers(): Iterable<ArrayBufferLike> {
    return this.#chunks.keys()
  }

  /** Counts the buffer of a chunk that waits from now on. */
  hold({ buffer }: Uint8Array): void {
    if (this.#isGivenUp) return
    const chunks = this.#chunks.get(buffer) ?? 0
    this.#chunks.set(buffer, chunks + 1)
    if (chunks > 0) return
    this.#bytes += buffer.byteLength
    this.#budget.hold(buffer)
  }

  /** Undoes `hold` for a chunk of the same buffer: the client has taken it. */
  release({ buffer }: Uint8Array): void {
    if (this.#isGivenUp) return
    const chunks = this.#chunks.get(buffer)
    invariant(chunks !== undefined, 'a chunk is released as often as it was held')
    if (chunks > 1) this.#chunks.set(buffer, chunks - 1)
    else this.#free(buffer)
  }

  /** Frees the share for good: what still waits is dropped with the connection. */
  giveUp(): void {
    this.#isGivenUp = true
    for (const buffer of this.#chunks.keys()) this.#free(buffer)
  }

  #free(buffer: ArrayBufferLike): void {
    this.#chunks.delete(buffer)
    this.#bytes -= buffer.byteLength
    this.#budget.release(buffer)
  }
}
