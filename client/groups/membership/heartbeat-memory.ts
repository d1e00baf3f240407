// Memory that a member's main thread shares with the thread of its heartbeat, so that neither waits for the other's event
// loop. Runs in both threads. Times are nanoseconds of `process.hrtime`, which all threads share.

const RENEWED_AT = 0
const HANDLING_SINCE = 1

/** Two numbers in shared memory; 0 stands for none. */
export class HeartbeatMemory {
  readonly buffer: SharedArrayBuffer
  readonly #words: BigInt64Array

  constructor(buffer = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer
    this.#words = new BigInt64Array(buffer)
  }

  /** When the last answered renewal was sent. */
  get renewedAt(): bigint {
    return Atomics.load(this.#words, RENEWED_AT)
  }

  set renewedAt(at: bigint) {
    Atomics.store(this.#words, RENEWED_AT, at)
  }

  /** When the oldest running call of a handler began. */
  get handlingSince(): bigint {
    return Atomics.load(this.#words, HANDLING_SINCE)
  }

  set handlingSince(since: bigint) {
    Atomics.store(this.#words, HANDLING_SINCE, since)
  }
}
