// The endpoint's book of streams: what it keeps of each beside what the broker knows, and how a request finds its stream.
// Runs in the endpoint. The facts are documents of the broker, so every endpoint of a broker has the same; memory holds them
// for the path of records. Facts belong to the broker's id of a stream: one that is deleted and made again starts afresh.
import {
  MillraceError,
  type CallOptions,
  type Client,
  type KeptDocuments,
  type Shard,
  type Stream,
} from 'millrace'
import { streamArn } from '../identifiers/arn.ts'
import { asKinesisError, streamNotFound } from '../native-errors.ts'
import type { EndpointSettings } from '../settings.ts'
import { DueChanges } from './due-changes.ts'
import { plainJson } from './plain-json.ts'
import { ShardCache } from './shard-cache.ts'
import { sweepBook } from './sweep.ts'
import {
  defaultConsumerFacts,
  defaultFacts,
  isDue,
  type ConsumerDocument,
  type ConsumerFacts,
  type StreamDocument,
  type StreamFacts,
} from './stream-facts.ts'
import { nameOf, placeOf, statusOf, type StreamCall, type StreamView } from './stream-view.ts'

/** What a book needs. */
export interface StreamBookParts {
  /** The endpoint's own client, which may do everything. */
  readonly own: Client
  readonly settings: EndpointSettings
  now(): number
  /** Told one sentence about what goes wrong in the background. */
  readonly log: (message: string, error: unknown) => void
}

/** Names a registered consumer. */
export interface ConsumerKey {
  /** Id that the broker gave the stream. */
  readonly streamId: number
  readonly consumer: string
  readonly createdAt: Date
}

/** Documents of streams and of consumers. */
const STREAMS_KIND = 'kinesis-streams'
const CONSUMERS_KIND = 'kinesis-consumers'
/** Facts of streams that were deleted by others than this endpoint are removed after so long. */
const SWEEP_EVERY_MS = 60_000

export class StreamBook {
  readonly #parts: StreamBookParts
  readonly #streams: KeptDocuments<StreamDocument>
  readonly #consumers: KeptDocuments<ConsumerDocument>
  readonly #dueChanges: DueChanges
  readonly #shards = new ShardCache()
  readonly #sweeper: NodeJS.Timeout

  private constructor(
    parts: StreamBookParts,
    streams: KeptDocuments<StreamDocument>,
    consumers: KeptDocuments<ConsumerDocument>,
  ) {
    this.#parts = parts
    this.#streams = streams
    this.#consumers = consumers
    this.#dueChanges = new DueChanges({ ...parts, streams })
    this.#sweeper = setInterval(() => void this.sweep().catch((error) => this.#failed(error)), SWEEP_EVERY_MS)
    this.#sweeper.unref()
  }

  /** Reads what is kept of all streams. Rejects if the broker cannot be asked. */
  static async open(parts: StreamBookParts): Promise<StreamBook> {
    const { own, log } = parts
    const onLost = (error: unknown): void => log('What is kept of streams may be old for a while.', error)
    const streamDocuments = own.documents(STREAMS_KIND, { codec: plainJson<StreamDocument>() })
    const consumerDocuments = own.documents(CONSUMERS_KIND, { codec: plainJson<ConsumerDocument>() })
    const streams = await streamDocuments.keep({ onLost })
    const consumers = await consumerDocuments.keep({ onLost })
    const book = new StreamBook(parts, streams, consumers)
    await book.sweep()
    return book
  }

  /** Ends the watches. The client stays open. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    this.#dueChanges.close()
    await Promise.all([this.#streams.close(), this.#consumers.close()])
  }

  /** What is kept of a stream, from memory; with its id, only what belongs to that very stream. */
  facts(name: string, streamId?: number): StreamFacts {
    return factsOf(this.#streams.get(name), streamId)
  }

  /** What is kept of a stream, as the broker has it now. */
  async freshFacts(
    { name, id }: Pick<StreamView, 'name' | 'id'>,
    signal?: AbortSignal,
  ): Promise<StreamFacts> {
    return factsOf((await this.#streams.read(name, optionsOf(signal)))?.value, id)
  }

  /**
   * Changes what is kept of a stream; resolves with the result when it is on disk. `change` gets the facts as they are, may be
   * called several times, and may throw a KinesisError to leave them so.
   */
  async update(
    { name, id }: Pick<StreamView, 'name' | 'id'>,
    change: (facts: StreamFacts) => StreamFacts,
  ): Promise<StreamFacts> {
    return this.#streams.update(name, (document) => ({ ...change(factsOf(document, id)), streamId: id }))
  }

  /** Keeps this of a new stream, or nothing: what was kept of an older one of its name is forgotten. */
  async begin(stream: Pick<Stream, 'name' | 'id'>, facts: StreamFacts | undefined): Promise<void> {
    if (facts !== undefined) await this.update(stream, () => facts)
    else await this.#dueChanges.forgetOthers(stream.name, stream.id)
  }

  /** How many streams are in the state of being created. */
  creatingCount(): number {
    const now = this.#parts.now()
    let count = 0
    for (const [, { value }] of this.#streams.entries()) {
      const { statusUntil } = value
      if (statusUntil?.status === 'CREATING' && now < statusUntil.until) count++
    }
    return count
  }

  /** Forgets a stream that was deleted. */
  async forget({ name, id }: Pick<StreamView, 'name' | 'id'>): Promise<void> {
    await this.#dueChanges.forget(name, id)
    await this.#forgetConsumers(id)
  }

  /** The name of the stream that a request is about. */
  nameOf(call: StreamCall): string {
    return nameOf(call, this.#parts.settings.account)
  }

  /** The stream that a request is about, as the caller may see it, and as it is now. */
  async resolve(call: StreamCall): Promise<StreamView> {
    return this.find(call, this.nameOf(call))
  }

  /** The stream of this name, as the caller may see it, and as it is now. */
  async find(call: Omit<StreamCall, 'input'>, name: string): Promise<StreamView> {
    const { settings, now } = this.#parts
    const options = optionsOf(call.signal)
    const place = placeOf(call, settings.account, name)
    try {
      const [stream, document] = await Promise.all([
        call.caller.client.describeStream(name, options),
        this.#streams.read(name, options),
      ])
      const view = this.view(call, stream, factsOf(document?.value, stream.id))
      if (!isDue(view.facts, now())) return view
      await this.#dueChanges.carryOut(name)
      if (view.status !== 'DELETING') {
        const facts = await this.freshFacts(view, call.signal)
        return this.view(call, await call.caller.client.describeStream(name, options), facts)
      }
    } catch (error) {
      throw asKinesisError(error, place)
    }
    throw streamNotFound(place)
  }

  /** A stream that the broker described, with what is kept of it. */
  view(
    call: Pick<StreamCall, 'region'>,
    stream: Stream,
    facts = this.facts(stream.name, stream.id),
  ): StreamView {
    const { settings, now } = this.#parts
    const { name, id } = stream
    return {
      name,
      id,
      arn: streamArn({ region: call.region, account: settings.account, name }),
      status: statusOf(stream, facts, now()),
      stream,
      facts,
    }
  }

  /** Whether a stream that the broker still lists is deleted for clients: its time as DELETING is over. */
  isGone(stream: Pick<Stream, 'name' | 'id'>): boolean {
    const facts = this.facts(stream.name, stream.id)
    return facts.statusUntil?.status === 'DELETING' && isDue(facts, this.#parts.now())
  }

  /** Does what is due of the stream of this name: deletes it, if its time as DELETING is over. */
  async settle(name: string): Promise<void> {
    const document = (await this.#streams.read(name))?.value
    if (document !== undefined && isDue(document, this.#parts.now())) await this.#dueChanges.carryOut(name)
  }

  /**
   * The shards of a stream that can be read, by index. Ids, parents, ranges and the times of creation and closing are right; tail and
   * horizon may be old.
   */
  shards(call: Pick<StreamCall, 'caller' | 'signal'>, view: StreamView): Promise<readonly Shard[]> {
    return this.#shards.get(call.caller.client, view.stream)
  }

  /** What is kept of a registered consumer, from memory. */
  consumerFacts({ streamId, consumer, createdAt }: ConsumerKey): ConsumerFacts {
    const document = this.#consumers.get(consumerName(streamId, consumer))
    return consumerFactsOf(document, createdAt)
  }

  /** Changes what is kept of a registered consumer, as `update` does for a stream. */
  async updateConsumer(
    { streamId, consumer, createdAt }: ConsumerKey,
    change: (facts: ConsumerFacts) => ConsumerFacts,
  ): Promise<ConsumerFacts> {
    return this.#consumers.update(consumerName(streamId, consumer), (document) => ({
      ...change(consumerFactsOf(document, createdAt)),
      streamId,
      createdAt: createdAt.getTime(),
    }))
  }

  /** What is kept of the last consumer of a name, as the broker has it now, if that was deregistered. */
  async deregisteredConsumer(
    streamId: number,
    consumer: string,
    signal?: AbortSignal,
  ): Promise<ConsumerDocument | undefined> {
    const document = (await this.#consumers.read(consumerName(streamId, consumer), optionsOf(signal)))?.value
    return document?.deregisteredUntil === undefined ? undefined : document
  }

  /** What is kept of deregistered consumers of a stream, by name, from memory. */
  deregisteredConsumers(streamId: number): readonly (readonly [string, ConsumerDocument])[] {
    const prefix = consumerName(streamId, '')
    return [...this.#consumers.entries()]
      .filter(([, { value }]) => value.streamId === streamId && value.deregisteredUntil !== undefined)
      .map(([name, { value }]) => [name.slice(prefix.length), value] as const)
  }

  /** Keeps of a consumer that was deregistered how long it is shown; or forgets it. Another one of the name is left as it is. */
  async buryConsumer(
    { streamId, consumer, createdAt }: ConsumerKey,
    shown?: Pick<ConsumerFacts, 'arnSeconds' | 'deregisteredUntil'>,
  ): Promise<void> {
    const name = consumerName(streamId, consumer)
    if (shown === undefined) {
      const entry = await this.#consumers.read(name)
      if (entry === undefined || entry.value.createdAt > createdAt.getTime()) return
      await this.#consumers.delete(name, entry.version).catch(unlessChanged)
      return
    }
    await this.#consumers.update(name, (document) => {
      if (document !== undefined && document.createdAt > createdAt.getTime()) return document
      return { ...defaultConsumerFacts, ...shown, streamId, createdAt: createdAt.getTime() }
    })
  }

  /** Removes what is kept of streams that are no more. */
  async sweep(): Promise<void> {
    await sweepBook(this.#parts.own, this.#streams, this.#consumers)
  }

  async #forgetConsumers(streamId: number): Promise<void> {
    const gone = [...this.#consumers.entries()].filter(([, { value }]) => value.streamId === streamId)
    for (const [name, { version }] of gone) await this.#consumers.delete(name, version).catch(unlessChanged)
  }

  #failed(error: unknown): void {
    this.#parts.log('What is kept of deleted streams could not be removed; it is tried again.', error)
  }
}

function factsOf(document: StreamDocument | undefined, streamId: number | undefined): StreamFacts {
  if (document === undefined || (streamId !== undefined && document.streamId !== streamId)) {
    return defaultFacts
  }
  return { ...defaultFacts, ...document }
}

function consumerFactsOf(document: ConsumerDocument | undefined, createdAt: Date): ConsumerFacts {
  if (document === undefined || document.createdAt !== createdAt.getTime()) return defaultConsumerFacts
  return { ...defaultConsumerFacts, ...document }
}

/** Name of a consumer's document. The id of the stream is shorter than its name, and never given twice. */
function consumerName(streamId: number, consumer: string): string {
  return `${streamId}/${consumer}`
}

function unlessChanged(error: unknown): false {
  if (MillraceError.is(error, 'versionConflict')) return false
  throw error
}

function optionsOf(signal: AbortSignal | undefined): CallOptions {
  return signal === undefined ? {} : { signal }
}
