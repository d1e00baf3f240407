// What a member's main thread and the thread of its heartbeat tell each other without a message: neither waits for the
// other's event loop. Runs in both threads. Times are nanoseconds of `process.hrtime`, which all threads share.

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

  /** When the last renewal was sent that was answered. */
  get renewedAt(): bigint {
    return Atomics.load(this.#words, RENEWED_AT)
  }

  set renewedAt(at: bigint) {
    Atomics.store(this.#words, RENEWED_AT, at)
  }

  /** Since when the oldest call of a handler is under way. */
  get handlingSince(): bigint {
    return Atomics.load(this.#words, HANDLING_SINCE)
  }

  set handlingSince(since: bigint) {
    Atomics.store(this.#words, HANDLING_SINCE, since)
  }
}
