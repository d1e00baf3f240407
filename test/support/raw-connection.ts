// A connection that sends exactly what a test says, right or wrong: no retries, no routing. Runs in the test's process.
// Exposes what the client hides: batches, frames, half frames, credit.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  BatchBuilder,
  type BatchIdentity,
  decodeMessage,
  decodeResponse,
  encodeEvent,
  encodeRequest,
  type EventBody,
  type EventFrom,
  type EventMessage,
  FrameReader,
  hashPartitionKey,
  limits,
  MillraceError,
  type OperationName,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
  type RequestOf,
  type ResponseOf,
} from '../../protocol/index.ts'

interface OpenRequest {
  readonly operation: OperationName
  readonly resolve: (response: never) => void
  readonly reject: (error: Error) => void
}

export class RawConnection {
  /** A socket, or one end of an in-process pair. */
  readonly socket: Duplex
  /** Every event received, in order. */
  readonly events: EventMessage[] = []
  /** Errors with correlation id 0, which concern the connection as a whole. */
  readonly connectionErrors: MillraceError[] = []
  /** Received bytes that are no frame: a broker answers an HTTP client in HTTP. */
  unframed = ''
  /** Fulfils when the connection ends, for any reason. */
  readonly closed: Promise<void>
  readonly #frames = new FrameReader({ frameBytesMax: limits.frameBytesMax })
  readonly #open = new Map<number, OpenRequest>()
  #nextId = 1

  constructor(socket: Duplex) {
    this.socket = socket
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#endOpen()
        resolve()
      })
    })
    socket.on('error', () => {}) // 'close' follows
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
  }

  /** Connects. `hello: false` skips the handshake. */
  static async open(port: number, options: { hello?: boolean; host?: string } = {}): Promise<RawConnection> {
    const socket = connect({ port, host: options.host ?? '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    const connection = new RawConnection(socket)
    if (options.hello !== false) await connection.hello()
    return connection
  }

  hello(): Promise<ResponseOf<'hello'>> {
    return this.request('hello', {
      versionMin: PROTOCOL_VERSION_MIN,
      versionMax: PROTOCOL_VERSION_MAX,
      client: 'raw test connection',
    })
  }

  /** Rejects with the broker's MillraceError, or with `connectionLost`. */
  request<N extends OperationName>(operation: N, request: RequestOf<N>): Promise<ResponseOf<N>> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) reject(new MillraceError('connectionLost', 'the connection is closed'))
      this.#open.set(id, { operation, resolve, reject })
      this.write(...encodeRequest(operation, id, request))
    })
  }

  send<N extends EventFrom<'client'>>(event: N, body: EventBody<N>): void {
    this.write(...encodeEvent(event, body))
  }

  /** Writes any bytes at once. */
  write(...chunks: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(chunks))
  }

  close(): void {
    this.socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.unframed !== '') return void (this.unframed += chunk.toString())
    let payloads: Uint8Array[] = []
    try {
      payloads = this.#frames.push(chunk)
    } catch {
      this.unframed = chunk.toString()
    }
    for (const payload of payloads) this.#take(payload)
  }

  #take(payload: Uint8Array): void {
    const message = decodeMessage(payload)
    if (message.kind === 'event') this.events.push(message)
    if (message.kind !== 'response' && message.kind !== 'error') return
    const open = this.#open.get(message.correlationId)
    this.#open.delete(message.correlationId)
    if (message.kind === 'error' && !open) this.connectionErrors.push(message.error)
    else if (message.kind === 'error') open?.reject(message.error)
    else if (open) open.resolve(decodeResponse(open.operation, message.wire) as never)
  }

  #endOpen(): void {
    for (const { reject } of this.#open.values()) {
      reject(new MillraceError('connectionLost', 'the connection ended before the answer came'))
    }
    this.#open.clear()
  }
}

export interface RawRecord {
  readonly partitionKey: string
  readonly data: Uint8Array
}

/** Encodes one batch as a client does. Without an identity it is not idempotent. */
export function batchOf(records: readonly RawRecord[], identity: Partial<BatchIdentity> = {}): Uint8Array {
  const builder = new BatchBuilder({ bytesMax: limits.batchBytesMax })
  const words = new Uint32Array(4)
  for (const record of records) {
    hashPartitionKey(record.partitionKey, words, 0)
    if (!builder.tryAdd(record, words, 0)) throw new Error('the records do not fit in one batch')
  }
  return builder.finish({ producerId: 0, producerEpoch: 0, firstProducerSequence: 0, ...identity })
}
