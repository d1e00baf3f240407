// A broker in memory that keeps documents and nothing else: the real ones, over a store in memory, behind a `dial`. A test
// says which requests are lost, and when it is gone and comes back.
import { duplexPair, type Duplex } from 'node:stream'
import { anyone } from '../../../broker/access/identity.ts'
import { Documents } from '../../../broker/control/documents/documents.ts'
import type { Dial } from '../../../client/index.ts'
import {
  decodeMessage,
  encodeError,
  encodeResponse,
  FrameReader,
  limits,
  MillraceError,
  type OperationName,
  type RequestMessage,
} from '../../../protocol/index.ts'
import { MemorySmallRows } from '../../broker/control/support/memory-small-rows.ts'
import { Asker } from '../../broker/access/support/asker.ts'
import { fail } from '../../support/fail.ts'

export class FakeDocuments {
  readonly smallRows = new MemorySmallRows()
  /** Every request that was received, by name. */
  readonly received: OperationName[] = []
  /** What becomes of a request: it is done, or the connection breaks before or after that. */
  disturb: (message: RequestMessage) => 'none' | 'lostBefore' | 'lostAfter' = () => 'none'
  /** Keeps an answer back, of a request that is done, until this fulfils. */
  delay: (operation: OperationName) => Promise<void> | undefined = () => undefined
  /** Changes an answer, as a broker of other making may give it. */
  rewrite: (operation: OperationName, response: object) => object = (_, response) => response
  isDown = false
  /** The near ends of the connections, by the far ones. */
  readonly #sessions = new Map<Duplex, Duplex>()
  #documents = this.#open()

  readonly dial: Dial = () => {
    if (this.isDown) return Promise.reject(new Error('connect ECONNREFUSED 127.0.0.1:7400'))
    const [near, far] = duplexPair()
    this.#sessions.set(far, near)
    far.on('close', () => this.#sessions.delete(far))
    const frames = new FrameReader({ frameBytesMax: limits.frameBytesMax })
    far.on('data', (chunk: Uint8Array) => {
      for (const payload of frames.push(chunk)) {
        const message = decodeMessage(payload)
        if (message.kind === 'request') void this.#serve(far, message)
      }
    })
    return Promise.resolve(near)
  }

  /** Breaks all connections, and forgets what is not stored. */
  restart(): void {
    for (const session of this.#sessions.keys()) this.#drop(session)
    this.#documents.endWaits()
    this.#documents = this.#open()
  }

  /** Breaks a connection. Both ends: what one end had written might keep the other from learning of it. */
  #drop(session: Duplex): void {
    this.#sessions.get(session)?.destroy()
    session.destroy()
  }

  #open(): Documents {
    // By the test's time, which may be driven.
    const after = (delayMs: number, task: () => void) => {
      const timer = setTimeout(task, delayMs)
      return () => clearTimeout(timer)
    }
    return new Documents({ store: this.smallRows.open(), time: { now: () => Date.now(), after } })
  }

  async #serve(session: Duplex, message: RequestMessage): Promise<void> {
    const { operation, correlationId } = message
    this.received.push(operation)
    const disturbance = this.disturb(message)
    if (disturbance === 'lostBefore') return this.#drop(session)
    const documents = this.#documents
    const answer = await this.#answer(documents, message).then(
      (response) => encodeResponse(operation, correlationId, this.rewrite(operation, response) as never),
      (error: unknown) => {
        if (MillraceError.is(error)) return encodeError(correlationId, error)
        throw error
      },
    )
    await this.delay(operation)
    if (disturbance === 'lostAfter') this.#drop(session)
    // Copies: what was written belongs to the other side.
    if (!session.destroyed) for (const chunk of answer) session.write(Uint8Array.from(chunk))
  }

  async #answer(documents: Documents, { operation, request }: RequestMessage): Promise<object> {
    switch (operation) {
      case 'hello': {
        const { frameBytesMax, sessionIdleMs } = limits
        const told = { version: 1, brokerId: 'fake', hostId: 0, software: 'fake' }
        return Promise.resolve({ ...told, role: 'controller', access: 'open', frameBytesMax, sessionIdleMs })
      }
      case 'getDocument':
        return documents.get(request, fail)
      case 'putDocument':
        return documents.put(request, fail)
      case 'deleteDocument':
        return documents.delete(request, fail)
      case 'listDocuments':
        return documents.list(request, anyone)
      case 'watchDocuments':
        return documents.watch(request, { session: Asker.session(), signal: new AbortController().signal })
      default:
        return { now: 0 }
    }
  }
}
