// Keeps one session within its quotas of requests and of bytes a second. Too many bytes are met by back-pressure: the client is
// neither refused nor cut, TCP slows it.
// Runs on the main thread of every process that listens.
import { operations, type OperationName } from '../../../protocol/operations.ts'
import type { QuotaRefusal } from '../../access/quotas/account.ts'
import type { SessionUsage } from '../../access/quotas/session-usage.ts'
import type { Connection } from '../transport/connection.ts'
import type { Pauses } from './pauses.ts'

export interface PacingOptions {
  readonly usage: SessionUsage
  readonly pauses: Pauses
  readonly connection: Pick<Connection, 'hold' | 'release'>
  /** Called when more may be sent again. */
  readonly onResumed: () => void
}

export class SessionPacing {
  readonly #options: PacingOptions
  #isReadingPaused = false
  #isSendingPaused = false

  constructor(options: PacingOptions) {
    this.#options = options
  }

  /** True while nothing more should be read from storage for this client. */
  get isSendingPaused(): boolean {
    return this.#isSendingPaused
  }

  /** Returns why a request is refused for a quota; hello, authenticate and ping have none. */
  refusalOf(operation: OperationName): QuotaRefusal | undefined {
    return operations[operation].plane === 'session' ? undefined : this.#options.usage.request()
  }

  received(bytes: number): void {
    const ms = this.#options.usage.received(bytes)
    if (ms === 0 || this.#isReadingPaused) return
    this.#isReadingPaused = true
    this.#pause(ms, () => (this.#isReadingPaused = false))
  }

  sent(bytes: number): void {
    const ms = this.#options.usage.sent(bytes)
    if (ms === 0 || this.#isSendingPaused) return
    this.#isSendingPaused = true
    this.#pause(ms, () => {
      this.#isSendingPaused = false
      this.#options.onResumed()
    })
  }

  /** Requests wait in either case: their answers are what is too much, or they are. */
  #pause(ms: number, onEnd: () => void): void {
    const { usage, pauses, connection } = this.#options
    connection.hold()
    pauses.add(ms, () => {
      usage.resume()
      connection.release()
      onEnd()
    })
  }
}
