// What the client of the broker last had to wait for, so that a flow that stands still by it can say why: the client waits and tries again
// by itself, and tells it to its log alone. Pure state, fed by the log.

/** What is needed of an entry of the client's log. */
interface ClientTrouble {
  readonly message: string
  readonly stream?: string
  readonly error?: Error
}

export interface BrokerTrouble {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly message: string
}

/** A trouble that did not come again for this time is over. */
const OVER_MS = 60_000

export class BrokerTroubles {
  readonly #now: () => number
  /** By stream; '' for the connections. */
  readonly #last = new Map<string, BrokerTrouble>()

  constructor(now: () => number) {
    this.#now = now
  }

  note({ message, stream = '', error }: ClientTrouble): void {
    if (error === undefined) return
    this.#last.set(stream, { at: this.#now(), message: `${message}: ${error.message}` })
  }

  /** The last trouble of the stream or the connections; of any stream where none is given. Undefined where it is over. */
  of(stream: string | undefined): BrokerTrouble | undefined {
    const troubles = [...this.#last]
      .filter(([each]) => stream === undefined || each === '' || each === stream)
      .map(([, trouble]) => trouble)
      .filter(({ at }) => this.#now() - at < OVER_MS)
    return troubles.toSorted((one, other) => other.at - one.at)[0]
  }
}
