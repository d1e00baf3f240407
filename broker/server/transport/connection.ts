// Bytes ↔ frames over one duplex stream, with back-pressure in both directions. Runs on the main thread of every process
// that listens. Knows no message: its owner gets payloads in order, one at a time, and none while reading is held.
// All that is sent in one turn leaves in one vectored write.
import type { Duplex } from 'node:stream'
import { FrameReader } from '../../../protocol/frame.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { Outgoing } from './outgoing.ts'

/** Who a connection serves. */
export interface ConnectionOwner {
  /** Every chunk, before it is read. */
  onBytes(count: number): void
  onPayload(payload: Uint8Array): void
  /** How many bytes wait here, in half frames and behind held reading, where that has changed. */
  onWaiting(bytes: number): void
  /** The bytes are no frames: nothing more can be read. `chunk` is where it broke. */
  onMalformed(error: MillraceError, chunk: Uint8Array): void
  /** How many bytes wait to be sent, where that has changed. */
  onQueued(bytes: number): void
  /** The queue fell below the low-water mark after it was above the high one. */
  onWritable(): void
  /** The peer will send nothing more. */
  onPeerEnd(): void
  /** Last of all, once. The cause is the network's, where there was one. */
  onClosed(cause: Error | undefined): void
}

export interface ConnectionOptions {
  readonly frameBytesMax: number
  /** Queued bytes above which nothing is read from the peer, at the moment. It is read again below a quarter of them. */
  readonly highWaterBytes: () => number
}

const NONE: Uint8Array[] = []

export class Connection {
  readonly #stream: Duplex
  readonly #owner: ConnectionOwner
  readonly #options: ConnectionOptions
  readonly #outgoing: Outgoing
  #reader: FrameReader
  /** Payloads received and not yet handed over; `#next` is the first of them. */
  #inbox = NONE
  #next = 0
  #holds = 0
  #holdsIgnored = false
  #delivering = false
  #discarding = false
  #congested = false
  #ended = false
  #cause: Error | undefined
  #waitingBytes = 0
  #framesReceived = 0

  constructor(stream: Duplex, owner: ConnectionOwner, options: ConnectionOptions) {
    this.#stream = stream
    this.#owner = owner
    this.#options = options
    this.#outgoing = new Outgoing(stream, this.#onTaken)
    this.#reader = new FrameReader({ frameBytesMax: options.frameBytesMax })
    stream.on('data', this.#receive)
    stream.on('end', () => {
      owner.onPeerEnd()
      this.end()
    })
    stream.on('error', (error) => {
      this.#cause ??= error
    })
    stream.on('close', () => {
      this.#ended = true
      this.#outgoing.drop()
      owner.onQueued(0)
      this.discard()
      owner.onClosed(this.#cause)
    })
  }

  /** Largest frame to accept from here on. */
  set frameBytesMax(bytes: number) {
    this.#reader.frameBytesMax = bytes
  }

  get framesReceived(): number {
    return this.#framesReceived
  }

  get midFrame(): boolean {
    return this.#reader.pendingBytes > 0
  }

  /** Nothing is read: the owner holds it, or the peer does not take what was sent. */
  get held(): boolean {
    return this.#congested || (this.#holds > 0 && !this.#holdsIgnored)
  }

  /** Bytes handed over for sending that the kernel has not taken. */
  get queuedBytes(): number {
    return this.#outgoing.bytes
  }

  get bytesTaken(): number {
    return this.#outgoing.bytesTaken
  }

  /** Queues chunks, which must not change from here on; answers how many bytes they are. Nothing once the end was called. */
  send(chunks: readonly Uint8Array[]): number {
    if (this.#ended) return 0
    const bytes = this.#outgoing.push(chunks)
    const queued = this.queuedBytes
    this.#owner.onQueued(queued)
    if (queued > this.#options.highWaterBytes()) {
      this.#congested = true
      this.#pauseIfHeld()
    }
    return bytes
  }

  /** Counted: nothing is read until as many releases came. */
  hold(): void {
    this.#holds++
    this.#pauseIfHeld()
  }

  /** Reading goes on in a later turn of the queue, never inside the caller. */
  release(): void {
    invariant(this.#holds > 0, 'reading was released more often than it was held')
    this.#holds--
    this.#goOn()
  }

  /** Reads on, held or not: for an owner that refuses everything from here on. */
  ignoreHolds(): void {
    this.#holdsIgnored = true
    this.#goOn()
  }

  /** Reads on, so that the peer's end is seen, but hands over nothing more. */
  discard(): void {
    if (this.#discarding) return
    this.#discarding = true
    this.#reader = new FrameReader({ frameBytesMax: 0 }) // lets go of a half frame
    this.#inbox = NONE
    this.#next = 0
    this.#tellWaiting()
    this.#stream.resume()
  }

  /** Ends this side after all that was sent. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#outgoing.end()
  }

  /** Drops what was not taken, and the connection with it. */
  destroy(): void {
    this.#stream.destroy()
  }

  readonly #receive = (chunk: Uint8Array): void => {
    this.#owner.onBytes(chunk.length)
    if (this.#discarding) return
    try {
      const payloads = this.#reader.push(chunk)
      this.#framesReceived += payloads.length
      this.#inbox = this.#inbox === NONE ? payloads : [...this.#inbox.slice(this.#next), ...payloads]
      this.#next = 0
    } catch (error) {
      if (!MillraceError.is(error)) throw error
      this.discard()
      this.#owner.onMalformed(error, chunk)
      return
    }
    this.#deliver()
  }

  readonly #deliver = (): void => {
    if (this.#delivering) return
    this.#delivering = true
    while (!this.held && this.#next < this.#inbox.length) {
      this.#owner.onPayload(this.#inbox[this.#next++]!)
    }
    this.#delivering = false
    if (this.#next === this.#inbox.length) {
      this.#inbox = NONE
      this.#next = 0
      if (!this.held && this.#stream.isPaused()) this.#stream.resume()
    }
    this.#tellWaiting()
  }

  #pauseIfHeld(): void {
    if (this.held && !this.#discarding && !this.#stream.isPaused()) this.#stream.pause()
  }

  #goOn(): void {
    if (!this.held && !this.#delivering) process.nextTick(this.#deliver)
  }

  #tellWaiting(): void {
    let bytes = this.#reader.pendingBytes
    for (let i = this.#next; i < this.#inbox.length; i++) bytes += this.#inbox[i]!.length
    if (bytes === this.#waitingBytes) return
    this.#waitingBytes = bytes
    this.#owner.onWaiting(bytes)
  }

  readonly #onTaken = (): void => {
    const queued = this.queuedBytes
    this.#owner.onQueued(queued)
    if (!this.#congested || this.#ended || queued > this.#options.highWaterBytes() / 4) return
    this.#congested = false
    this.#goOn()
    this.#owner.onWritable()
  }
}
