// Requests to the controller: they try the url's addresses in turn, and are repeated if the error table allows it. Runs in the
// client.
import { operations, type OperationOn, type RequestOf, type ResponseOf } from '../../protocol/operations.ts'
import { CONTROLLER, type Address, type Endpoint } from './address.ts'
import type { Connection } from './connection.ts'
import type { ConnectionPool } from './pool.ts'
import { backoffMs, mayRepeat, retrying } from '../retry.ts'
import type { Settings } from '../settings.ts'
import { sleep, unlessAborted } from '../waiting.ts'

export class ControlPlane {
  readonly #addresses: readonly Endpoint[]
  readonly #pool: ConnectionPool
  readonly #settings: Settings
  /** Index of the address that answered last. */
  #current = 0

  constructor(addresses: readonly Address[], pool: ConnectionPool, settings: Settings) {
    this.#addresses = addresses.map((address) => ({ ...address, hostId: CONTROLLER }))
    this.#pool = pool
    this.#settings = settings
  }

  /** The addresses of the url. */
  get addresses(): readonly Address[] {
    return this.#addresses
  }

  /** Connects to the first address that answers; rejects with the last address' error if none does. */
  async connect(signal?: AbortSignal): Promise<Connection> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#pool.connect(this.#addresses[this.#current]!, signal)
      } catch (error) {
        this.#current = (this.#current + 1) % this.#addresses.length
        if (tries >= this.#addresses.length || signal?.aborted) throw error
      }
    }
  }

  /** One request and its answer. `idempotent` says whether it may be sent again in any case; the table by default. */
  async call<N extends OperationOn<'control'>>(
    operation: N,
    request: RequestOf<N>,
    signal?: AbortSignal,
    { idempotent }: { readonly idempotent: boolean } = operations[operation],
  ): Promise<ResponseOf<N>> {
    const { response } = await this.ask(operation, request, signal, { idempotent })
    return response
  }

  /**
   * Like `call`, for a watch that follows the broker: repeats the request until it is answered, even while the controller is
   * gone, or until `giveUpAfterMs` is over. `waitMs` is how long the request lets the broker wait for changes.
   */
  async poll<N extends OperationOn<'control'>>(
    operation: N,
    request: RequestOf<N>,
    { waitMs = 0, signal }: { readonly waitMs?: number; readonly signal: AbortSignal },
  ): Promise<ResponseOf<N>> {
    const { retry, random, monotonic, log } = this.#settings
    let failsSince: number | undefined
    for (let attempt = 0; ; attempt++) {
      try {
        const connection = await this.connect(signal)
        return await unlessAborted(connection.request(operation, request, waitMs), signal)
      } catch (error) {
        if (signal.aborted || !mayRepeat(error, true)) throw error
        failsSince ??= monotonic()
        if (monotonic() - failsSince >= retry.giveUpAfterMs) throw error
        const delayMs = backoffMs(retry, attempt, random, error.retryAfterMs)
        log({ level: 'debug', message: `${operation} is tried again`, delayMs, error })
        await sleep(delayMs, signal)
      }
    }
  }

  /** Returns the time of the broker, in milliseconds since the epoch. */
  time(signal?: AbortSignal): Promise<number> {
    const run = async (ending: AbortSignal) => {
      const connection = await this.connect(ending)
      return (await unlessAborted(connection.request('ping', {}), ending)).now
    }
    return retrying(run, { settings: this.#settings, idempotent: true, signal, what: 'ping' })
  }

  /** Like `call`, but also returns the address that answered. */
  ask<N extends OperationOn<'control'>>(
    operation: N,
    request: RequestOf<N>,
    signal?: AbortSignal,
    { idempotent }: { readonly idempotent: boolean } = operations[operation],
  ): Promise<{ readonly response: ResponseOf<N>; readonly from: Address }> {
    const run = async (ending: AbortSignal) => {
      const connection = await this.connect(ending)
      const response = await unlessAborted(connection.request(operation, request), ending)
      return { response, from: connection.address }
    }
    return retrying(run, { settings: this.#settings, idempotent, signal, what: operation })
  }
}
