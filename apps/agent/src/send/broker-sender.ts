// Sends to a stream of the broker, or to the stream behind a delivery: each chunk is stored once, through crashes of either side.
import { MillraceError, type AppendPlan, type Client, type PreparedWriter } from 'millrace'
import { deliveryKinds, type DeliveryDefinition } from 'millrace/protocol'
import type { Chunk } from '../flows/chunk.ts'
import { SendFault, type SendEvents, type Sender, type SendOptions } from './sender.ts'

/** What the sender uses of a client. */
export type SendingClient = Pick<Client, 'createStream' | 'describeStream' | 'documents' | 'preparedWriter'>

export interface BrokerSenderOptions {
  /** Fulfils once the broker was reached. */
  readonly client: (signal: AbortSignal) => Promise<SendingClient>
  readonly destination: { readonly type: 'stream' | 'delivery'; readonly name: string }
  /** A stream that is missing is made. That of a delivery is the delivery's. */
  readonly createsStreams: boolean
  readonly events: SendEvents
  readonly onCreated: (stream: string) => void
}

/** Codes with which a writer ends. */
const endings: ReadonlySet<string> = new Set(['streamNotFound', 'closed', 'aborted'])

export class BrokerSender implements Sender {
  readonly #options: BrokerSenderOptions
  #writer: Promise<PreparedWriter> | undefined
  /** Ends the writer. */
  #life: AbortSignal | undefined
  /** The stream that a delivery was found to read. */
  #source: string | undefined

  constructor(options: BrokerSenderOptions) {
    this.#options = options
  }

  async send(chunk: Chunk, options: SendOptions): Promise<void> {
    const writer = await this.#writerFor(options.signal)
    await this.#counted(chunk, options.signal, () => writer.append(chunk.records, options))
  }

  async resume(plan: unknown, chunk: Chunk, options: SendOptions): Promise<void> {
    const writer = await this.#writerFor(options.signal)
    await this.#counted(chunk, options.signal, async () => {
      try {
        await writer.resume(plan as AppendPlan, chunk.records, options)
      } catch (error) {
        // The stream is another one of the same name: nothing of the chunk is in it.
        if (!MillraceError.is(error, 'streamNotFound')) throw error
        await writer.append(chunk.records, options)
      }
    })
  }

  async check(signal: AbortSignal): Promise<string | undefined> {
    const { createsStreams, destination } = this.#options
    const client = await this.#options.client(signal)
    try {
      const stream = await this.#stream(signal)
      await client.describeStream(stream, { signal })
      return undefined
    } catch (error) {
      if (error instanceof SendFault) return error.message
      if (!MillraceError.is(error, 'streamNotFound')) throw error
      return createsStreams && destination.type === 'stream' ? undefined : this.#missing()
    }
  }

  async close(): Promise<void> {
    const writer = await this.#writer?.catch(() => undefined)
    await writer?.close()
  }

  async #writerFor(signal: AbortSignal): Promise<PreparedWriter> {
    // One that an earlier run of the flow ended writes nothing more.
    if (this.#life?.aborted === true) this.#forget(this.#writer)
    if (this.#writer === undefined) this.#life = signal
    const writing = (this.#writer ??= this.#open(signal))
    try {
      return await writing
    } catch (error) {
      this.#forget(writing)
      throw signal.aborted ? error : this.#faultOf(error)
    }
  }

  async #counted({ records }: Chunk, signal: AbortSignal, use: () => Promise<void>): Promise<void> {
    const { events } = this.#options
    const writing = this.#writer
    try {
      await use()
      events.attempted(records.length, 0)
    } catch (error) {
      if (signal.aborted) throw error
      events.failed()
      // A writer whose stream is gone writes nothing more: the next attempt looks for the stream anew.
      if (MillraceError.is(error) && endings.has(error.code)) this.#forget(writing)
      throw this.#faultOf(error)
    }
  }

  #forget(writing: Promise<PreparedWriter> | undefined): void {
    if (this.#writer !== writing) return
    this.#writer = undefined
    void writing?.then((writer) => writer.close()).catch(() => {})
  }

  async #open(signal: AbortSignal): Promise<PreparedWriter> {
    const { createsStreams, destination, onCreated } = this.#options
    const client = await this.#options.client(signal)
    const stream = await this.#stream(signal)
    try {
      return await client.preparedWriter(stream, { signal })
    } catch (error) {
      const isMissing = MillraceError.is(error, 'streamNotFound')
      if (!isMissing || !createsStreams || destination.type === 'delivery') throw error
    }
    try {
      await client.createStream(stream, { mode: 'on-demand', shards: 1, signal })
      onCreated(stream)
    } catch (error) {
      // Another flow or agent was faster.
      if (!MillraceError.is(error, 'streamExists')) throw error
    }
    return client.preparedWriter(stream, { signal })
  }

  /** Name of the stream that records go to. */
  async #stream(signal: AbortSignal): Promise<string> {
    const { destination } = this.#options
    if (destination.type === 'stream') return destination.name
    const client = await this.#options.client(signal)
    const found = await client
      .documents<DeliveryDefinition>(deliveryKinds.definitions)
      .get(destination.name, { signal })
    this.#source = undefined
    if (found === undefined || found.value.state === 'deleting') throw new SendFault(this.#missing())
    return (this.#source = found.value.source.stream)
  }

  #missing(): string {
    const { type, name } = this.#options.destination
    if (type === 'delivery' && this.#source === undefined) {
      return `The delivery ${name} does not exist: create it, and the flow goes on.`
    }
    const stream = this.#source ?? name
    const reader = type === 'delivery' ? `, which the delivery ${name} reads,` : ''
    return `The stream ${stream}${reader} does not exist: create it with \`millrace stream create ${stream}\`.`
  }

  #faultOf(error: unknown): unknown {
    if (!MillraceError.is(error)) return error
    return new SendFault(error.code === 'streamNotFound' ? this.#missing() : error.message, { cause: error })
  }
}
