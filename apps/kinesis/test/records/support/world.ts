// Handlers of records over a broker in this process, with a clock that tests move.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type Client, type ConnectOptions, type CreateStreamOptions } from 'millrace'
import { createBroker } from 'millrace/broker'
import { StreamBook } from '../../../src/book/stream-book.ts'
import type { Call, Caller } from '../../../src/call.ts'
import { openSeal } from '../../../src/identifiers/seal.ts'
import { KinesisError } from '../../../src/model/errors.ts'
import type { InputOf, OperationName, OutputOf } from '../../../src/model/operations.ts'
import { recordsHandlers } from '../../../src/records/handlers.ts'
import { endpointDefaults } from '../../../src/settings.ts'

type Operation = 'PutRecord' | 'PutRecords' | 'GetShardIterator' | 'GetRecords'

export const ACCOUNT = endpointDefaults.account
export const REGION = 'eu-west-1'

/** How far the clocks of a world are ahead of the system's. */
interface Ahead {
  ms: number
  /** The moment at which the endpoint's clock stands; undefined while it goes. */
  stoodAt: number | undefined
}

interface WorldParts {
  readonly client: Client
  readonly book: StreamBook
  readonly handlers: ReturnType<typeof recordsHandlers>
  readonly ahead: Ahead
  readonly connect: (options: ConnectOptions) => Promise<Client>
  readonly close: () => Promise<void>
}

export class World implements AsyncDisposable {
  readonly client: Client
  readonly book: StreamBook
  readonly #parts: WorldParts

  private constructor(parts: WorldParts) {
    this.client = parts.client
    this.book = parts.book
    this.#parts = parts
  }

  /** With access required, `client` is root's. */
  static async open({ access = 'open' }: { readonly access?: 'open' | 'required' } = {}): Promise<World> {
    const ahead: Ahead = { ms: 0, stoodAt: undefined }
    const clock = () => Date.now() + ahead.ms
    const elapsed = () => performance.now() + ahead.ms
    const broker = await createBroker({ listen: false, clock, elapsed, config: { access } })
    const token = access === 'open' ? undefined : await readFile(join(broker.dataDir, 'root.token'), 'utf8')
    const client = await connect(broker.url, { dial: broker.dial, ...(token && { token: token.trim() }) })
    const settings = endpointDefaults
    const book = await StreamBook.open({ own: client, settings, now: clock, log: () => {} })
    const seal = await openSeal(client)
    const close = async () => {
      await book.close()
      await client.close()
      await broker.close()
    }
    const handlers = recordsHandlers({
      own: client,
      settings,
      book,
      seal,
      now: () => ahead.stoodAt ?? clock(),
      log: () => {},
    })
    const another = (options: ConnectOptions) => connect(broker.url, { dial: broker.dial, ...options })
    return new World({ client, book, handlers, ahead, connect: another, close })
  }

  /** A client of its own, to be closed by the test. */
  connect(options: ConnectOptions = {}): Promise<Client> {
    return this.#parts.connect(options)
  }

  now(): number {
    return Date.now() + this.#parts.ahead.ms
  }

  /** Lets time pass, for the broker and the endpoint. */
  pass(ms: number): void {
    this.#parts.ahead.ms += ms
  }

  /** Stops the endpoint's clock, so that the limits of its shards give nothing back, until the returned function is called. */
  standStill(): () => void {
    const { ahead } = this.#parts
    ahead.stoodAt = this.now()
    return () => {
      ahead.stoodAt = undefined
    }
  }

  async stream(name: string, options: CreateStreamOptions = {}): Promise<void> {
    await this.client.createStream(name, options)
  }

  async do<N extends Operation>(
    operation: N,
    input: InputOf<N>,
    caller: Partial<Caller> = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<OutputOf<N>> {
    const call = {
      operation,
      input,
      caller: { principal: undefined, client: this.client, may: () => Promise.resolve(true), ...caller },
      region: REGION,
      requestId: 'request',
      signal,
    }
    const handler = this.#parts.handlers[operation] as unknown as (call: unknown) => Promise<OutputOf<N>>
    return handler(call satisfies Call<OperationName> | Call<N>)
  }

  /** What a request is refused with: the error's name and text. */
  async refusal<N extends Operation>(
    operation: N,
    input: InputOf<N>,
    caller: Partial<Caller> = {},
  ): Promise<string> {
    try {
      await this.do(operation, input, caller)
    } catch (error) {
      if (error instanceof KinesisError) return `${error.code}: ${error.message}`
      throw error
    }
    return 'it was not refused'
  }

  /** An iterator for a shard of a stream. */
  async iterator(
    stream: string,
    shard: string | number,
    type: InputOf<'GetShardIterator'>['ShardIteratorType'] = 'TRIM_HORIZON',
    more: Partial<InputOf<'GetShardIterator'>> = {},
  ): Promise<string> {
    const input = { StreamName: stream, ShardId: String(shard), ShardIteratorType: type, ...more }
    const { ShardIterator: iterator } = await this.do('GetShardIterator', input)
    return iterator!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.close()
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
