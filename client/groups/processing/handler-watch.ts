// Tracks the running calls of handlers, so that the renewals of a process that hangs can be ended. Runs in the client.

interface Call {
  readonly since: number
}

export class HandlerWatch {
  readonly #monotonic: () => number
  readonly #tell: (since: number | undefined) => void
  /** Running calls, in the order in which they began. */
  readonly #calls = new Set<Call>()

  /** Calls `tell` at each change of the oldest call, with the time at which that call began; undefined if no call runs. */
  constructor(monotonic: () => number, tell: (since: number | undefined) => void) {
    this.#monotonic = monotonic
    this.#tell = tell
  }

  began(): Call {
    const call = { since: this.#monotonic() }
    this.#calls.add(call)
    if (this.#calls.size === 1) this.#tell(call.since)
    return call
  }

  ended(call: object): void {
    const isOldest = this.#oldest === call
    this.#calls.delete(call as Call)
    if (isOldest) this.#tell(this.#oldest?.since)
  }

  get #oldest(): Call | undefined {
    for (const call of this.#calls) return call
    return undefined
  }
}
