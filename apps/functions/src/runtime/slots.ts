// Turns of calls for the threads of a pool: first come, first served, within bounds. Pure.

/** Too many calls wait. */
export class NoRoom extends Error {
  override readonly name = 'NoRoom'
}

interface Waiting {
  readonly give: () => void
  readonly refuse: (error: Error) => void
}

export class Slots {
  readonly #waitingMax: number
  readonly #waiting = new Set<Waiting>()
  readonly #onEmpty: (() => void)[] = []
  #free: number
  #taken = 0

  constructor(slots: number, waitingMax: number) {
    this.#free = slots
    this.#waitingMax = waitingMax
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get taken(): number {
    return this.#taken
  }

  /** Fulfils when it is this call's turn; `free` is to be called once then. Rejects with NoRoom, or the reason of the signal. */
  async take(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      this.#taken += 1
      return
    }
    if (this.#waiting.size >= this.#waitingMax) throw new NoRoom(`${this.#waiting.size} calls wait already`)
    await this.#turn(signal)
  }

  /** Gives a turn back. */
  free(): void {
    const [next] = this.#waiting
    if (next !== undefined) {
      this.#waiting.delete(next)
      return next.give()
    }
    this.#free += 1
    this.#taken -= 1
    if (this.#taken === 0) for (const tell of this.#onEmpty.splice(0)) tell()
  }

  /** Fulfils when no call has a turn, and none waits. */
  async empty(): Promise<void> {
    if (this.#taken === 0) return
    await new Promise<void>((resolve) => this.#onEmpty.push(resolve))
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiting)
        waiting.refuse(signal!.reason as Error)
      }
      const waiting: Waiting = {
        give: () => {
          signal?.removeEventListener('abort', leave)
          resolve()
        },
        refuse: reject,
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiting.add(waiting)
    })
  }
}
