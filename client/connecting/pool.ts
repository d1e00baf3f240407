// The client's connections: at most one to each process of one broker, which all callers share. Runs in the client. The broker
// is the one that answered first.
// A link makes one attempt at a time. While the process does not answer, attempts are spaced by a growing backoff, however
// many callers wait. Callers decide whether to try again.
import { addressText, endpointKey, type Endpoint } from './address.ts'
import { openConnection, type Connection } from './connection.ts'
import { closedError } from '../errors.ts'
import { backoffMs } from '../retry.ts'
import { clientLimits, type Settings } from '../settings.ts'
import { sleep, unlessAborted } from '../waiting.ts'

export class ConnectionPool {
  readonly #settings: Settings
  readonly #links = new Map<string, Link>()
  readonly #closing = new AbortController()
  #brokerId: string | undefined

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** Returns the open connection to a process, or opens one. Rejects with `unavailable`, `aborted` or `closed`. */
  async connect(endpoint: Endpoint, signal?: AbortSignal): Promise<Connection> {
    if (this.#closing.signal.aborted) throw closedError('The client')
    const key = endpointKey(endpoint)
    let link = this.#links.get(key)
    if (link === undefined) {
      this.#forgetIdle()
      link = new Link(endpoint, this.#settings, this.#closing.signal, () => this.#open(endpoint))
      this.#links.set(key, link)
    }
    try {
      return await unlessAborted(link.connect(), signal)
    } catch (error) {
      throw this.#closing.signal.aborted ? closedError('The client') : error
    }
  }

  async #open(endpoint: Endpoint): Promise<Connection> {
    const connection = await openConnection(endpoint, this.#settings, this.#closing.signal, this.#brokerId)
    this.#brokerId ??= connection.brokerId
    return connection
  }

  /** Forgets idle links. A host that is started again has another port, so its old links would pile up. */
  #forgetIdle(): void {
    if (this.#links.size < clientLimits.linksKept) return
    for (const [key, link] of this.#links) if (link.isIdle) this.#links.delete(key)
  }

  close(): void {
    this.#closing.abort()
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }
}

/** The connection to one process, or the attempt to open it. */
class Link {
  readonly #address: string
  readonly #settings: Settings
  readonly #closing: AbortSignal
  readonly #open: () => Promise<Connection>
  #connection: Connection | undefined
  #attempt: Promise<Connection> | undefined
  /** Failures in a row; a connection that was lost soon after it opened counts as one. */
  #failures = 0
  #failedAt = 0

  constructor(endpoint: Endpoint, settings: Settings, closing: AbortSignal, open: () => Promise<Connection>) {
    this.#address = addressText(endpoint)
    this.#settings = settings
    this.#closing = closing
    this.#open = open
  }

  connect(): Promise<Connection> {
    if (this.#connection?.isOpen) return Promise.resolve(this.#connection)
    this.#attempt ??= this.#try().finally(() => (this.#attempt = undefined))
    return this.#attempt
  }

  close(): void {
    this.#connection?.close(closedError('The client'))
  }

  /** True if it has no connection and no attempt runs. */
  get isIdle(): boolean {
    return this.#attempt === undefined && !this.#connection?.isOpen
  }

  async #try(): Promise<Connection> {
    const address = this.#address
    const { monotonic, random, retry, log } = this.#settings
    if (this.#failures > 0) {
      const waitMs = this.#failedAt + backoffMs(retry, this.#failures - 1, random) - monotonic()
      if (waitMs > 0) await sleep(waitMs, this.#closing)
    }
    try {
      const connection = await this.#open()
      const openedAt = monotonic()
      connection.onEnd((error) => {
        if (this.#closing.aborted) return
        this.#failures = monotonic() - openedAt < retry.backoffMaxMs ? this.#failures + 1 : 0
        this.#failedAt = monotonic()
        log({ level: 'warn', message: 'the connection was lost', address, error })
      })
      log({ level: 'debug', message: 'connected', address })
      this.#connection = connection
      return connection
    } catch (error) {
      this.#failures++
      this.#failedAt = monotonic()
      throw error
    }
  }
}
