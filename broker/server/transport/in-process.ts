// A transport without a network: two duplex streams joined in memory, for `accept`. Runs anywhere. As with a socket,
// written bytes are copied, so neither side can change bytes that the other holds, and the end of one side ends the other.
import { Duplex } from 'node:stream'

/** Makes the two ends of a connection within this process. */
export function inProcessPair(): [Duplex, Duplex] {
  const left = new InProcessStream()
  const right = new InProcessStream()
  left.join(right)
  right.join(left)
  return [left, right]
}

const HIGH_WATER_BYTES = 16 * 1024

type WriteCallback = (error?: Error | null) => void

class InProcessStream extends Duplex {
  #peer!: InProcessStream
  /** Callback of the peer's write, which waits until this side reads again. */
  #unread: WriteCallback | undefined

  constructor() {
    // Explicit, because Node's default differs between versions; it bounds what one side buffers for the other.
    super({ allowHalfOpen: false, highWaterMark: HIGH_WATER_BYTES })
  }

  join(peer: InProcessStream): void {
    this.#peer = peer
  }

  override _read(): void {
    const taken = this.#unread
    this.#unread = undefined
    taken?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: WriteCallback): void {
    this.#peer.#take(Buffer.from(chunk), done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: WriteCallback): void {
    this.#peer.#take(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: WriteCallback): void {
    this.#peer.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this._read()
    // After a finished end the peer may still read what is left, so only an unfinished one destroys it.
    if (!this.writableFinished) process.nextTick(() => this.#peer.destroy())
    done(error)
  }

  #take(bytes: Buffer, done: WriteCallback): void {
    if (this.destroyed || bytes.length === 0) process.nextTick(done)
    else if (this.push(bytes)) process.nextTick(done)
    else this.#unread = done
  }
}
