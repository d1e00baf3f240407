// A session without a connection: it keeps what it was sent, and takes bytes only when a test lets it.
import type { ErrorCode } from '../../../../protocol/error-codes.ts'
import type { EventBody, EventName } from '../../../../protocol/events.ts'
import { unpack } from '../../../../protocol/frame/msgpack-reader.ts'
import { Packed } from '../../../../protocol/frame/msgpack-writer.ts'
import type { EventToSend } from '../../../../protocol/frame/messages.ts'
import type { OperationName } from '../../../../protocol/operations.ts'
import { anyone, type Identity } from '../../../../broker/access/identity.ts'
import { Accounts } from '../../../../broker/access/quotas/accounts.ts'
import { SessionUsage } from '../../../../broker/access/quotas/session-usage.ts'
import { sessionLimits } from '../../../../broker/server/admission.ts'
import type { Context } from '../../../../broker/server/dispatch.ts'
import type { DeniedPart, Session } from '../../../../broker/server/session.ts'
import { fail } from '../../../support/fail.ts'

let lastId = 0

export interface SentEvent<N extends EventName = EventName> {
  readonly event: N
  readonly body: EventBody<N>
}

export class FakeSession implements Session {
  readonly id = ++lastId
  readonly remote = 'test'
  readonly client = 'test'
  identity: Identity = anyone
  readonly events: SentEvent[] = []
  queuedBytes = 0
  highWaterBytes = sessionLimits.highWaterBytes
  answerBytesMax = Infinity
  usage = new SessionUsage(new Accounts({ elapsed: () => 0 }), undefined, () => {})
  isPaused = false
  holds = 0
  closed: ErrorCode | undefined
  /** While true, sent bytes stay queued. */
  stalled = false
  readonly #abort = new AbortController()
  readonly #drainListeners: (() => void)[] = []
  readonly #closeListeners: (() => void)[] = []
  readonly #identityListeners = new Set<() => void>()
  #gone = false

  get context(): Context<OperationName> {
    return {
      session: this,
      signal: this.#abort.signal,
      fail,
    }
  }

  sendEvent<N extends EventName>(event: N, sent: EventToSend<N>): void {
    if (this.#gone) return
    const body = unpackedBody(sent) as EventBody<N>
    this.events.push({ event, body })
    if (this.stalled && event === 'records') this.queuedBytes += bytesOf(body as EventBody<'records'>)
  }

  introduce(): void {}

  onIdentity(listener: () => void): () => void {
    this.#identityListeners.add(listener)
    return () => this.#identityListeners.delete(listener)
  }

  /** What was refused because a grant is missing. */
  readonly denials: string[] = []

  denied({ operation, missing }: DeniedPart): void {
    this.denials.push(`${operation}: ${missing}`)
  }

  authenticate(): never {
    throw new Error('a fake session takes no token')
  }

  identify(identity: Identity): void {
    this.identity = identity
    for (const listener of this.#identityListeners) listener()
  }

  /** The connection takes everything. */
  drain(): void {
    this.stalled = false
    this.queuedBytes = 0
    for (const listener of this.#drainListeners) listener()
  }

  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener)
  }

  onClose(listener: () => void): void {
    if (this.#gone) listener()
    else this.#closeListeners.push(listener)
  }

  holdReading(): void {
    this.holds++
  }

  releaseReading(): void {
    this.holds--
  }

  close(code: ErrorCode): void {
    this.closed = code
    this.leave()
  }

  /** The connection breaks. */
  leave(): void {
    this.#gone = true
    this.#abort.abort()
    for (const listener of this.#closeListeners.splice(0)) listener()
  }

  sent<N extends EventName>(event: N): EventBody<N>[] {
    return this.events.filter((sent) => sent.event === event).map((sent) => sent.body as EventBody<N>)
  }

  /** Bytes of batches that were pushed. */
  get pushedBytes(): number {
    return this.sent('records').reduce((sum, body) => sum + bytesOf(body), 0)
  }

  /** All batches that were pushed, in order. */
  get pushed(): Uint8Array[] {
    return this.sent('records').flatMap(({ batches }) => batches)
  }
}

const unpackedLists = new WeakMap<Packed, unknown>()

/** Unpacks lists that were packed for many, once for all that get them: they share their bytes. */
function unpackedBody(body: object): unknown {
  const fields = Object.entries(body as Record<string, unknown>).map(([name, value]) => {
    if (!(value instanceof Packed)) return [name, value]
    if (!unpackedLists.has(value)) unpackedLists.set(value, unpack(Buffer.concat(value.chunks)))
    return [name, unpackedLists.get(value)]
  })
  return Object.fromEntries(fields)
}

function bytesOf({ batches }: EventBody<'records'>): number {
  return batches.reduce((sum, batch) => sum + batch.length, 0)
}
