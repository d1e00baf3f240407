// A transport without a network: two duplex streams joined in memory, for `accept`. Runs anywhere. As with a socket, what
// is written is copied, so neither side can change bytes that the other holds; and when one side goes, so does the other.
import { Duplex } from 'node:stream'

/** The two ends of a connection within this process. */
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
  /** The peer's write that waits until this side reads again. */
  #unread: WriteCallback | undefined

  constructor() {
    // Given, because the default differs between versions of Node: what one side holds for the other is bounded by it.
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
    // A peer that was told the end reads what is left first.
    if (!this.writableFinished) process.nextTick(() => this.#peer.destroy())
    done(error)
  }

  #take(bytes: Buffer, done: WriteCallback): void {
    if (this.destroyed || bytes.length === 0) process.nextTick(done)
    else if (this.push(bytes)) process.nextTick(done)
    else this.#unread = done
  }
}
