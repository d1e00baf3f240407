// Connection: one vectored write per turn, counted queues, and reading that stops while it is held.
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Connection, type ConnectionOwner } from '../../../../broker/server/transport/connection.ts'
import { encodeFrame, InvariantError, limits } from '../../../../protocol/index.ts'
import { settled } from '../serving.ts'

/** A stream that records its writes and completes them when the test says so. */
class Recorded extends Duplex {
  readonly writes: Uint8Array[][] = []
  readonly #complete: (() => void)[] = []

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.writes.push([chunk])
    this.#complete.push(done)
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: () => void): void {
    this.writes.push(chunks.map(({ chunk }) => chunk))
    this.#complete.push(done)
  }

  /** Lets the kernel take what was written. */
  completeWrites(): void {
    for (const done of this.#complete.splice(0)) done()
  }
}

class Owner implements ConnectionOwner {
  readonly payloads: number[] = []
  readonly told: string[] = []
  waiting = 0
  queued = 0
  /** Chunks that wait, as views: a chunk that is written in pieces is held once for each. */
  readonly held: ArrayBufferLike[] = []
  onEach: (first: number) => void = () => {}

  onBytes(): void {}

  onPayload(payload: Uint8Array): void {
    this.payloads.push(payload[0]!)
    this.onEach(payload[0]!)
  }

  onWaiting(bytes: number): void {
    this.waiting = bytes
  }

  onQueued(): void {
    this.queued++
  }

  hold({ buffer }: Uint8Array): void {
    this.held.push(buffer)
  }

  release({ buffer }: Uint8Array): void {
    this.held.splice(this.held.indexOf(buffer), 1)
  }

  onMalformed(error: { readonly message: string }): void {
    this.told.push(error.message)
  }

  onWritable(): void {
    this.told.push('writable')
  }

  onPeerEnd(): void {
    this.told.push('peer ended')
  }

  onClosed(cause: Error | undefined): void {
    this.told.push(`closed: ${cause?.message}`)
  }
}

function open() {
  const stream = new Recorded()
  const owner = new Owner()
  const connection = new Connection(stream, owner, {
    frameBytesMax: limits.frameBytesBeforeHello,
    held: owner,
    highWaterBytes: () => 1000,
  })
  return { stream, owner, connection }
}

/** Makes a frame whose payload begins with `first`, a number below 128. */
function frame(first: number, length = 1): Buffer {
  const payload = Buffer.alloc(length, first)
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32LE(length)
  return Buffer.concat([prefix, payload])
}

describe('Connection: sending', () => {
  it('gathers everything of one turn into one write, in order and without copies', async () => {
    const { stream, connection } = open()
    const sent = [1, 2, 3].map((value) => encodeFrame([value]))
    for (const chunks of sent) connection.send(chunks)
    expect(stream.writes).toEqual([])
    await settled()
    expect(stream.writes).toHaveLength(1)
    expect(stream.writes[0]).toEqual(sent.flat())
    expect(stream.writes[0]!.map(({ buffer }) => buffer)).toEqual(sent.flat().map(({ buffer }) => buffer))
  })

  it('holds the buffer of each chunk until all of the chunk is taken', async () => {
    const { stream, connection, owner } = open()
    const [small, large] = [Buffer.alloc(100_000), Buffer.alloc(1.5 * 1024 * 1024)]
    connection.send([small, large])
    const waiting = () => [owner.held.includes(small.buffer), owner.held.includes(large.buffer)]
    await settled()
    expect(waiting()).toEqual([true, true])
    stream.completeWrites()
    await settled()
    expect(waiting()).toEqual([false, true])
    stream.completeWrites()
    await settled()
    expect(owner.held).toEqual([])
  })

  it('counts what is queued until it is taken', async () => {
    const { stream, connection } = open()
    expect(connection.send([Buffer.alloc(30), Buffer.alloc(12)])).toBe(42)
    expect(connection.queuedBytes).toBe(42)
    await settled()
    expect([connection.queuedBytes, connection.bytesTaken]).toEqual([42, 0])
    stream.completeWrites()
    await settled()
    expect([connection.queuedBytes, connection.bytesTaken]).toEqual([0, 42])
  })

  it('pauses reading above the high-water mark, and calls onWritable at the low-water mark', async () => {
    const { stream, connection, owner } = open()
    connection.send([Buffer.alloc(1001)])
    expect(connection.held).toBe(true)
    await settled()
    stream.push(frame(7))
    await settled()
    expect([owner.payloads, owner.told]).toEqual([[], []])
    stream.completeWrites()
    await settled()
    expect([connection.held, owner.payloads, owner.told]).toEqual([false, [7], ['writable']])
  })

  it('writes in pieces, so that a slow peer counts as taking', async () => {
    const { stream, connection } = open()
    const bytes = Buffer.alloc(3_500_000, 'millrace ')
    connection.send([Buffer.from('head'), bytes, Buffer.from('tail')])
    connection.end()
    const taken: number[] = []
    while (connection.queuedBytes > 0) {
      await settled()
      stream.completeWrites()
      await settled()
      taken.push(connection.bytesTaken)
    }
    expect(taken).toEqual([1_048_576, 2_097_152, 3_145_728, 3_500_008])
    expect(
      Buffer.concat(stream.writes.flat()).equals(
        Buffer.concat(['head', bytes, 'tail'].map((part) => Buffer.from(part))),
      ),
    ).toBe(true)
    expect(stream.writableFinished).toBe(true)
  })

  it('does nothing after end, and ends the stream after everything sent', async () => {
    const { stream, connection } = open()
    connection.send([Buffer.from('last')])
    connection.end()
    expect(connection.send([Buffer.from('late')])).toBe(0)
    await settled()
    expect(stream.writes.flat().map(String)).toEqual(['last'])
    expect(stream.writableFinished).toBe(false)
    stream.completeWrites()
    await settled()
    expect(stream.writableFinished).toBe(true)
  })
})

describe('Connection: reading', () => {
  it('passes payloads on in order, however the bytes are cut', async () => {
    const { stream, owner } = open()
    const bytes = Buffer.concat([1, 2, 3, 4].map((value) => frame(value, value * 10)))
    for (const byte of bytes) stream.push(Buffer.of(byte))
    await settled()
    expect(owner.payloads).toEqual([1, 2, 3, 4])
    expect(owner.waiting).toBe(0)
  })

  it('stops between two payloads of one chunk when it is held, and counts what waits', async () => {
    const { stream, owner, connection } = open()
    owner.onEach = (first) => {
      if (first === 2) connection.hold()
    }
    stream.push(Buffer.concat([1, 2, 3, 4].map((value) => frame(value, 100))))
    await settled()
    expect([owner.payloads, owner.waiting]).toEqual([[1, 2], 200])
    stream.push(frame(5))
    await settled()
    expect(owner.payloads).toEqual([1, 2])
    connection.release()
    expect(owner.payloads).toEqual([1, 2])
    await settled()
    expect([owner.payloads, owner.waiting]).toEqual([[1, 2, 3, 4, 5], 0])
  })

  it('continues at once when it is held and released within one payload', async () => {
    const { stream, owner, connection } = open()
    owner.onEach = () => {
      connection.hold()
      connection.release()
    }
    stream.push(Buffer.concat([1, 2, 3].map((value) => frame(value))))
    stream.push(frame(4))
    await settled()
    expect(owner.payloads).toEqual([1, 2, 3, 4])
  })

  it('throws where it is released more often than held', () => {
    const { connection } = open()
    expect(() => connection.release()).toThrow(InvariantError)
  })

  it('ends at bytes that are no frame, and drops what follows', async () => {
    const { stream, owner, connection } = open()
    stream.push(Buffer.concat([frame(1), Buffer.alloc(4)]))
    stream.push(frame(2))
    await settled()
    expect(owner.payloads).toEqual([])
    expect(owner.told).toHaveLength(1)
    connection.hold()
    stream.push(frame(3))
    stream.push(null)
    await settled()
    expect(owner.told[1]).toBe('peer ended')
  })

  it('frees a half frame on discard', async () => {
    const { stream, owner, connection } = open()
    stream.push(frame(1, 1000).subarray(0, 500))
    await settled()
    expect([owner.waiting, connection.midFrame]).toEqual([500, true])
    connection.discard()
    expect([owner.waiting, connection.midFrame]).toEqual([0, false])
  })

  it('tells its owner of the end once, with the cause', async () => {
    const { stream, owner } = open()
    stream.destroy(new Error('the cable was cut'))
    await settled()
    expect(owner.told).toEqual(['closed: the cable was cut'])
  })
})
