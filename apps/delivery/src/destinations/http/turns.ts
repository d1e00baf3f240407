// Lets so many go at a time, in the order in which they came. Runs in the app.

export class Turns {
  readonly #most: number
  #taken = 0
  readonly #waiting = new Set<() => void>()

  constructor(most: number) {
    this.#most = most
  }

  /** Fulfils when there is a turn, which ends with its disposal; rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<AsyncDisposable> {
    signal.throwIfAborted()
    if (this.#taken >= this.#most) await this.#wait(signal)
    else this.#taken += 1
    return { [Symbol.asyncDispose]: async () => this.#give() }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', stop)
        resolve()
      }
      const stop = (): void => {
        this.#waiting.delete(go)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#waiting.add(go)
    })
  }

  /** The turn goes over to whoever waits the longest. */
  #give(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#taken -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
