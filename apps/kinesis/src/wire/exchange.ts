// One request and its answer, in HTTP/1.1 or HTTP/2 alike: head, body within bounds, answer, answer without end.
// Runs in the endpoint. What a client does not send or does not read in time ends with its connection or stream.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { KinesisError } from '../model/errors.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { WireLimits } from './limits.ts'
import type { RequestHead } from './request-head.ts'

export type Incoming = IncomingMessage | Http2ServerRequest
export type Outgoing = ServerResponse | Http2ServerResponse

export type AnswerHeaders = Readonly<Record<string, string | number>>

/** The client is gone: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

/** One for all: every request ends so, and nobody looks where it was thrown. */
const GONE = new ClientGone('the client is gone')

export interface ExchangeOptions {
  readonly limits: WireLimits
  readonly budget: ByteBudget
}

export class Exchange {
  readonly head: RequestHead
  readonly #request: Incoming
  readonly #response: Outgoing
  readonly #options: ExchangeOptions
  /** Made for who asks for it. */
  #gone: AbortController | undefined
  #hasLeft = false
  #isClosing = false
  #isStreaming = false
  #held = 0
  /** The answer was taken, or cannot be: nothing can be written. */
  #isOver = false

  constructor(request: Incoming, response: Outgoing, options: ExchangeOptions) {
    this.#request = request
    this.#response = response
    this.#options = options
    this.head = headOf(request)
    // Errors of a socket are followed by its close. Without a listener they would end the process.
    request.on('error', () => {})
    response.on('error', () => {})
    response.on('close', () => {
      this.#isOver = true
      this.#leave()
    })
  }

  /** Fires when the answer has been taken or its connection has ended, and where the answer has no end, when the endpoint closes. */
  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController()
      if (this.#hasLeft) this.#gone.abort(GONE)
    }
    return this.#gone.signal
  }

  /** The endpoint closes: an answer without end ends, a whole one is still given, and its connection is not used again. */
  close(): void {
    this.#isClosing = true
    if (this.#isStreaming) this.#leave()
  }

  /** Reads the body. Fails with RequestEntityTooLargeException, ServiceUnavailableException or ClientGone. */
  readBody(): Promise<Uint8Array> {
    const { limits, budget } = this.#options
    const request = this.#request
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = []
      const taken = (piece: Buffer): void => {
        if (this.#held + piece.length > limits.bodyBytesMax) return fail(tooLarge())
        if (!budget.take(piece.length)) return fail(overloaded())
        this.#held += piece.length
        pieces.push(piece)
      }
      const done = (): void => {
        stop()
        resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
      }
      const fail = (error: Error): void => {
        stop()
        pieces.length = 0
        // What is still to come is thrown away as it comes.
        request.resume()
        reject(error)
      }
      const gone = (): void => fail(GONE)
      const timer = setTimeout(() => {
        this.cut()
        gone()
      }, limits.bodyMs)
      const stop = (): void => {
        clearTimeout(timer)
        request.off('data', taken).off('end', done).off('close', gone)
      }
      if (this.#hasLeft) return gone()
      if (Number(this.head.header('content-length') ?? 0) > limits.bodyBytesMax) return fail(tooLarge())
      request.on('data', taken).on('end', done).on('close', gone)
    })
  }

  /** Answers; resolves when the client has taken it, or is gone. */
  async answer(status: number, headers: AnswerHeaders, body: string | Uint8Array): Promise<void> {
    if (this.#isOver) return
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const isLast = this.#isClosing && streamOf(this.#response) === undefined
    const { budget, limits } = this.#options
    budget.force(bytes.length)
    const timer = setTimeout(() => this.cut(), limits.stallMs)
    try {
      await new Promise<void>((resolve) => {
        this.#response.on('finish', resolve).on('close', resolve)
        writeHead(this.#response, status, {
          ...headers,
          'content-length': bytes.length,
          ...(isLast && { connection: 'close' }),
        })
        this.#response.end(bytes)
      })
    } finally {
      clearTimeout(timer)
      budget.give(bytes.length)
      this.#endRequest()
    }
  }

  /**
   * Answers with pieces as they come, as fast as the client reads them, until they end or the client is gone; the iterator is then
   * returned. What it throws ends the connection, or in HTTP/2 the stream, without a proper end.
   */
  async stream(status: number, headers: AnswerHeaders, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    this.#isStreaming = true
    if (this.#isClosing) this.#leave()
    const iterator = pieces[Symbol.asyncIterator]()
    const { signal } = this
    let stop = (): void => {}
    const left = (): void => stop()
    signal.addEventListener('abort', left)
    // A race with one promise of the client's leaving would keep every piece until then.
    const nextOrLeft = (): Promise<IteratorResult<Uint8Array, unknown> | undefined> =>
      new Promise((resolve, reject) => {
        stop = () => resolve(undefined)
        iterator.next().then(resolve, reject)
        if (signal.aborted) stop()
      })
    try {
      writeHead(this.#response, status, headers)
      for (;;) {
        const next = await nextOrLeft()
        if (next === undefined || next.done === true) break
        await this.#write(next.value)
      }
      if (!this.#isOver) await this.#end()
    } catch (error) {
      this.cut()
      throw error
    } finally {
      signal.removeEventListener('abort', left)
      // A generator that waits is returned when its wait ends: nobody needs to wait for that.
      iterator.return?.().catch(() => {})
      this.#endRequest()
    }
  }

  /** Gives back what the body held. To be called when nothing of it is in use any more. */
  release(): void {
    this.#options.budget.give(this.#held)
    this.#held = 0
  }

  /** Tells who serves the request that nobody waits any more. */
  #leave(): void {
    this.#hasLeft = true
    this.#gone?.abort(GONE)
  }

  /** Writes one piece; resolves when there is room for the next, or the client is gone. */
  #write(piece: Uint8Array): Promise<void> {
    const response = this.#response
    if (this.#isOver) return Promise.resolve()
    const hasRoom = writeTo(response, piece)
    if (hasRoom) return Promise.resolve()
    return this.#untilTaken('drain')
  }

  #end(): Promise<void> {
    const taken = this.#untilTaken('finish')
    this.#response.end()
    return taken
  }

  #untilTaken(event: 'drain' | 'finish'): Promise<void> {
    const response = this.#response
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        response.off(event, done).off('close', done)
        resolve()
      }
      const timer = setTimeout(() => this.cut(), this.#options.limits.stallMs)
      response.on(event, done).on('close', done)
    })
  }

  /** HTTP/2: ends the stream also where the client has not ended its request. */
  #endRequest(): void {
    const stream = streamOf(this.#response)
    if (stream !== undefined && !stream.closed && !this.#request.readableEnded) stream.close()
  }

  /** Ends the connection, or in HTTP/2 the stream, without an answer. */
  cut(): void {
    const stream = streamOf(this.#response)
    if (stream === undefined) {
      ;(this.#response as ServerResponse).destroy()
      return
    }
    stream.close(STREAM_CANCELLED)
    // What the client does not take is thrown away, and not waited for.
    stream.destroy()
  }
}

/** CANCEL of HTTP/2 (RFC 9113, section 7). */
const STREAM_CANCELLED = 8

function headOf(request: Incoming): RequestHead {
  const values = new Map<string, string[]>()
  const { rawHeaders } = request
  let bytes = 0
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    const value = rawHeaders[at + 1]!
    bytes += name.length + value.length
    const known = values.get(name)
    if (known === undefined) values.set(name, [value])
    else known.push(value)
  }
  // In HTTP/2 the host has a place of its own.
  const authority = values.get(':authority')
  if (authority !== undefined && !values.has('host')) values.set('host', authority)
  const { url = '/', method = '' } = request
  const queryAt = url.indexOf('?')
  return {
    method,
    path: queryAt === -1 ? url : url.slice(0, queryAt),
    query: queryAt === -1 ? undefined : url.slice(queryAt + 1),
    bytes,
    isEncrypted: 'encrypted' in request.socket,
    values: (name) => values.get(name) ?? [],
    header: (name) => values.get(name)?.join(','),
  }
}

function streamOf(response: Outgoing) {
  return 'stream' in response ? response.stream : undefined
}

function writeHead(response: Outgoing, status: number, headers: AnswerHeaders): void {
  // One of the two types at a time: their signatures do not join.
  if ('stream' in response) response.writeHead(status, { ...headers })
  else response.writeHead(status, { ...headers })
}

function writeTo(response: Outgoing, piece: Uint8Array): boolean {
  return 'stream' in response ? response.write(piece) : response.write(piece)
}

function tooLarge(): KinesisError {
  return new KinesisError('RequestEntityTooLargeException', '')
}

/** Refuses what would need more memory than there may be. Every client tries again by itself. */
export function overloaded(): KinesisError {
  return new KinesisError('ServiceUnavailableException', 'The endpoint has too many requests in flight.')
}
