// Requests to the controller: tried at each of the url's addresses in turn, repeated where the error table allows.
// Runs in the client.
import { operations, type OperationOn, type RequestOf, type ResponseOf } from '../../protocol/operations.ts'
import { CONTROLLER, type Address, type Endpoint } from './address.ts'
import type { Connection } from './connection.ts'
import type { ConnectionPool } from './pool.ts'
import { retrying } from '../retry.ts'
import type { Settings } from '../settings.ts'
import { unlessAborted } from '../waiting.ts'

export class ControlPlane {
  readonly #addresses: readonly Endpoint[]
  readonly #pool: ConnectionPool
  readonly #settings: Settings
  /** Which address answered last. */
  #current = 0

  constructor(addresses: readonly Address[], pool: ConnectionPool, settings: Settings) {
    this.#addresses = addresses.map((address) => ({ ...address, hostId: CONTROLLER }))
    this.#pool = pool
    this.#settings = settings
  }

  /** Connects to the first address that answers; rejects with the last one's error where none does. */
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

  async call<N extends OperationOn<'control'>>(
    operation: N,
    request: RequestOf<N>,
    signal?: AbortSignal,
  ): Promise<ResponseOf<N>> {
    const { response } = await this.ask(operation, request, signal)
    return response
  }

  /** The broker's clock, milliseconds since the epoch. */
  time(signal?: AbortSignal): Promise<number> {
    const run = async (ending: AbortSignal) => {
      const connection = await this.connect(ending)
      return (await unlessAborted(connection.request('ping', {}), ending)).now
    }
    return retrying(run, { settings: this.#settings, idempotent: true, signal, what: 'ping' })
  }

  /** As `call`, and tells which address gave the answer. */
  ask<N extends OperationOn<'control'>>(
    operation: N,
    request: RequestOf<N>,
    signal?: AbortSignal,
  ): Promise<{ readonly response: ResponseOf<N>; readonly from: Address }> {
    const run = async (ending: AbortSignal) => {
      const connection = await this.connect(ending)
      const response = await unlessAborted(connection.request(operation, request), ending)
      return { response, from: connection.address }
    }
    const { idempotent } = operations[operation]
    return retrying(run, { settings: this.#settings, idempotent, signal, what: operation })
  }
}
