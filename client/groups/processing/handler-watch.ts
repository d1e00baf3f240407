// Calls of handlers that are under way, for whoever ends the renewals of a process that hangs. Runs in the client.

interface Call {
  readonly since: number
}

export class HandlerWatch {
  readonly #monotonic: () => number
  readonly #tell: (since: number | undefined) => void
  /** In the order in which they began. */
  readonly #calls = new Set<Call>()

  /** `tell` is called whenever the oldest call is another one, with when it began. */
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
