// The way to the broker of an agent that serves: an agent may be started before its broker, and then tries until that is there. Senders wait
// by it for the client. Runs in the process of the agent.
import { MillraceError } from 'millrace'
import type { AgentRim } from '../rim.ts'
import type { SendingClient } from './broker-sender.ts'

/** What a link needs of a client beside sending. */
export interface LinkedClient extends SendingClient {
  close(): Promise<void>
}

export interface BrokerLinkOptions {
  readonly connect: (signal?: AbortSignal) => Promise<LinkedClient>
  readonly rim: Pick<AgentRim, 'wait'>
  readonly log: (level: 'info' | 'warn', message: string) => void
}

/** Waits between attempts while the broker is away. */
const BACKOFF = { firstMs: 500, mostMs: 10_000 } as const

export class BrokerLink {
  readonly #options: BrokerLinkOptions
  readonly #ending = new AbortController()
  readonly #opening: Promise<LinkedClient | undefined>
  /** Why there is no client yet. */
  #absence: string | undefined

  private constructor(options: BrokerLinkOptions, first: LinkedClient | Error) {
    this.#options = options
    this.#opening = first instanceof Error ? this.#reach(first) : Promise.resolve(first)
  }

  /** Tries once, and goes on to try where no broker answers. Rejects where one answers and does not take this agent. */
  static async open(options: BrokerLinkOptions): Promise<BrokerLink> {
    const first = await options.connect().catch((error: unknown) => {
      if (MillraceError.is(error, 'unavailable')) return error
      throw error
    })
    return new BrokerLink(options, first)
  }

  /** Why there is no client yet, as a sentence; undefined once there is one. */
  get absence(): string | undefined {
    return this.#absence
  }

  /** The client, once the broker was reached. Rejects when the signal aborts or the link closes. */
  readonly client = async (signal: AbortSignal): Promise<LinkedClient> => {
    const stopped = AbortSignal.any([signal, this.#ending.signal])
    stopped.throwIfAborted()
    const client = await Promise.race([this.#opening, whenAborted(stopped)])
    stopped.throwIfAborted()
    return client!
  }

  /** Tries no more, and closes the client. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('The agent is stopped.'))
    const client = await this.#opening
    await client?.close()
  }

  async #reach(first: Error): Promise<LinkedClient | undefined> {
    const { connect, rim, log } = this.#options
    const { signal } = this.#ending
    this.#tell(first)
    for (let waitMs: number = BACKOFF.firstMs; ; waitMs = Math.min(2 * waitMs, BACKOFF.mostMs)) {
      await rim.wait(waitMs, signal)
      if (signal.aborted) return undefined
      try {
        const client = await connect(signal)
        this.#absence = undefined
        log('info', 'The broker is reached.')
        return client
      } catch (error) {
        if (signal.aborted) return undefined
        this.#tell(error)
      }
    }
  }

  /** Says it to the log where it is another reason than before. */
  #tell(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const absence = `The broker is not reached yet, and is tried until it is: ${reason}`
    if (absence === this.#absence) return
    this.#absence = absence
    this.#options.log('warn', absence)
  }
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
