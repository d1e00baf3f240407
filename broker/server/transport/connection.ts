// Bytes ↔ frames over one duplex stream, with back-pressure in both directions. Runs on the main thread of every process
// that listens. It decodes no messages: its owner gets payloads in order, one at a time, and none while reading is held.
// Everything that is sent in one turn leaves in one vectored write.
import type { Duplex } from 'node:stream'
import { FrameReader } from '../../../protocol/frame/frame.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { Outgoing, type HeldChunks } from './outgoing.ts'

/** Why nothing can be read from a client. */
export type Malformation = Pick<MillraceError, 'code' | 'message'>

/** What a connection calls. */
export interface ConnectionOwner {
  /** Called with the size of every chunk, before it is decoded. */
  onBytes(count: number): void
  onPayload(payload: Uint8Array): void
  /** Called when the received bytes that wait here (half frames, payloads behind held reading) have changed. */
  onWaiting(bytes: number): void
  /** The bytes of `chunk` are no frame, or the handshake went wrong: nothing more can be read. */
  onMalformed(why: Malformation, chunk: Uint8Array): void
  /** Called when more waits to be sent. */
  onQueued(): void
  /** The queue fell to the low-water mark after it was above the high-water mark. */
  onWritable(): void
  /** The peer will send nothing more. */
  onPeerEnd(): void
  /** Called last, once; what still waited is dropped. `cause` is the network's error, if there was one. */
  onClosed(cause: Error | undefined): void
}

export interface ConnectionOptions {
  readonly frameBytesMax: number
  /** Counts what waits to be sent; what is dropped at the end of the connection is not released. */
  readonly held: HeldChunks
  /** The current high-water mark: above it nothing is read from the peer, until the queue falls to a quarter of it. */
  readonly highWaterBytes: () => number
  /** Makes the given stream secure; nothing is read or sent before that. */
  readonly handshake?: (() => Promise<Secured>) | undefined
}

/** What a handshake led to. */
export interface Secured {
  readonly stream: Duplex
  /** The names that the client's certificate proves. */
  readonly certificateNames: readonly string[]
  /** Why the client is not served, which it is told over the stream. */
  readonly refusal?: Malformation | undefined
  /** What the client sent instead of a handshake. */
  readonly firstBytes?: Uint8Array
}

const NOTHING = new Uint8Array(0)
const NONE: Uint8Array[] = []

export class Connection {
  #stream: Duplex
  readonly #owner: ConnectionOwner
  readonly #options: ConnectionOptions
  #outgoing: Outgoing
  /** False until a handshake is over: the stream is not ours until then. */
  #hasBegun = false
  #reader: FrameReader
  /** Received payloads; those from index `#next` on are not handed over yet. */
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
    this.#outgoing = new Outgoing(stream, options.held, this.#onTaken)
    this.#reader = new FrameReader({ frameBytesMax: options.frameBytesMax })
    stream.on('error', this.#onError)
    stream.on('close', this.#onClose)
    if (options.handshake === undefined) this.#begin()
    else void this.#secure(options.handshake)
  }

  #begin(): void {
    this.#hasBegun = true
    this.#stream.on('data', this.#receive)
    this.#stream.on('end', () => {
      this.#owner.onPeerEnd()
      this.end()
    })
  }

  async #secure(handshake: () => Promise<Secured>): Promise<void> {
    try {
      const { stream, refusal, firstBytes = NOTHING } = await handshake()
      if (this.#ended) return void stream.destroy()
      if (stream !== this.#stream) {
        this.#stream.off('close', this.#onClose) // the secure stream closes with it
        this.#stream = stream
        this.#outgoing = new Outgoing(stream, this.#options.held, this.#onTaken)
        stream.on('error', this.#onError)
        stream.on('close', this.#onClose)
      }
      this.#begin()
      if (refusal !== undefined) this.#owner.onMalformed(refusal, firstBytes)
    } catch (error) {
      this.#cause ??= error as Error
      this.#stream.destroy()
    }
  }

  readonly #onError = (error: Error): void => {
    this.#cause ??= error
  }

  readonly #onClose = (): void => {
    this.#ended = true
    this.#outgoing.drop()
    this.discard()
    this.#owner.onClosed(this.#cause)
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

  /** True while nothing is read: the owner holds reading, or the peer does not take what was sent. */
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

  /** Queues chunks, which must not change any more; returns how many bytes they have. Does nothing after `end`. */
  send(chunks: readonly Uint8Array[]): number {
    if (this.#ended || !this.#hasBegun) return 0
    const bytes = this.#outgoing.push(chunks)
    this.#owner.onQueued()
    if (this.queuedBytes > this.#options.highWaterBytes()) {
      this.#congested = true
      this.#pauseIfHeld()
    }
    return bytes
  }

  /** Pauses reading until as many releases as holds. */
  hold(): void {
    this.#holds++
    this.#pauseIfHeld()
  }

  /** Undoes one hold. Reading resumes on a later tick, never inside the caller. */
  release(): void {
    invariant(this.#holds > 0, 'reading was released more often than it was held')
    this.#holds--
    this.#goOn()
  }

  /** Reads on in spite of holds, for an owner that refuses every request from now on. */
  ignoreHolds(): void {
    this.#holdsIgnored = true
    this.#goOn()
  }

  /** Reads on, so that the peer's end is seen, but hands over nothing more. */
  discard(): void {
    if (this.#discarding) return
    this.#discarding = true
    this.#reader = new FrameReader({ frameBytesMax: 0 }) // frees a half frame
    this.#inbox = NONE
    this.#next = 0
    this.#tellWaiting()
    if (this.#hasBegun) this.#stream.resume()
  }

  /** Ends this side after everything that was sent; at once before the handshake is over. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#hasBegun) this.#outgoing.end()
    else this.#stream.destroy()
  }

  /** Closes the connection at once, and drops what the peer has not taken. */
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
      if (this.#hasBegun && !this.held && this.#stream.isPaused()) this.#stream.resume()
    }
    this.#tellWaiting()
  }

  #pauseIfHeld(): void {
    if (this.#hasBegun && this.held && !this.#discarding && !this.#stream.isPaused()) this.#stream.pause()
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
    if (!this.#congested || this.#ended || this.queuedBytes > this.#options.highWaterBytes() / 4) return
    this.#congested = false
    this.#goOn()
    this.#owner.onWritable()
  }
}
