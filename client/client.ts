// The client: one connection to the controller, one to each host that it needs, and the calls over them. Runs in the
// application. Closing the client ends the producers and readings that it made.
import { parseUrl, type Address } from './connecting/address.ts'
import { Admin } from './streams/admin.ts'
import type { BytesInput } from './codecs.ts'
import { ControlPlane } from './connecting/control-plane.ts'
import { Checkpoints } from './groups/checkpoints.ts'
import { Group } from './groups/group.ts'
import type { GroupOptions } from './groups/options.ts'
import { Documents, type DocumentsOptions } from './documents/documents.ts'
import { ensureKey } from './encryption/of-stream.ts'
import { brokerOfEnvironment } from './environment.ts'
import { asMillraceError, closedError } from './errors.ts'
import { checkArgument, checkOptions } from './options/check.ts'
import { ConnectionPool } from './connecting/pool.ts'
import { HashKeyCache } from './producer/batches/hash-key-cache.ts'
import type { ProducerOptions } from './producer/options.ts'
import type { Acknowledgement, PutResult } from './producer/acknowledgement.ts'
import { Producer } from './producer/producer.ts'
import { Putters } from './producer/buffer/putters.ts'
import { Puts, type PutOptions } from './producer/puts.ts'
import { fetchShard, resolveInShard, type FetchDependencies } from './fetching/fetch.ts'
import type { Fetched, FetchOptions, ResolvedPosition, ResolvePositionOptions } from './fetching/options.ts'
import { Fetcher } from './reading/fetcher.ts'
import { filterOf } from './reading/narrowed/filter-of.ts'
import { NarrowedRoutings } from './reading/narrowed/narrowed-routing.ts'
import type { IntakeEvents } from './reading/intake.ts'
import {
  creditBytesOf,
  fetchSettings,
  sharedCreditBytes,
  type ReadOptions,
  type SubscribeOptions,
} from './reading/options.ts'
import { Reading } from './reading/reading.ts'
import type { RecordInput } from './record.ts'
import type { PreparedWriterOptions } from './prepared/options.ts'
import { PreparedWriter } from './prepared/prepared-writer.ts'
import { RoutingCache, type Routing } from './connecting/routing.ts'
import {
  clientLimits,
  resolveSettings,
  type CallOptions,
  type ConnectOptions,
  type Settings,
} from './settings.ts'
import { Subscriber, type SubscriberOptions } from './reading/subscriber.ts'
import { abortedBy, onAbort, throwIfAborted } from './waiting.ts'

/** A producer or reading that the client made, and that ends with the client. */
interface Given {
  close(): Promise<void>
  abort(reason: unknown): void
}

/**
 * Connects to the broker that the url names: `millrace://host:port[,host:port]`, or `millraces://…` by TLS. Without one it connects
 * to the broker that the environment variable `MILLRACE_URL` names, or else to `millrace://127.0.0.1:7400`; then `MILLRACE_CA`,
 * `MILLRACE_CERT`, `MILLRACE_CERT_KEY`, `MILLRACE_TOKEN` and `MILLRACE_TOKEN_FILE` count too, unless `options` say
 * otherwise. Rejects with `unavailable` if none of the addresses answers, with `tlsFailed` if none can be trusted, with
 * `unauthenticated` if the broker does not take the token, and with `invalidArgument` for invalid options.
 */
export async function connect(url?: string, options: ConnectOptions = {}): Promise<Client> {
  if (url === undefined) {
    const { url: named, ...others } = brokerOfEnvironment()
    return connect(named, { ...others, ...options })
  }
  checkArgument('url', url)
  checkOptions('connect', options)
  const broker = parseUrl(url)
  const settings = resolveSettings(options, broker)
  throwIfAborted(options.signal)
  const client = new Client(broker.addresses, settings, options.signal)
  try {
    await client.open()
    return client
  } catch (error) {
    await client.close()
    throw options.signal?.aborted ? abortedBy(options.signal) : error
  }
}

/** A connected client. Made by `connect`. The calls about streams and shards are those of `Admin`. */
export class Client extends Admin implements AsyncDisposable {
  readonly #settings: Settings
  readonly #pool: ConnectionPool
  readonly #control: ControlPlane
  readonly #routings: RoutingCache
  readonly #hashKeys = new HashKeyCache()
  /** Readings, subscriptions, producers, groups and watches that are open. */
  readonly #given = new Set<Given>()
  /** The producers behind `put`. */
  readonly #putters: Putters
  readonly #puts: Puts
  readonly #signal: AbortSignal | undefined
  readonly #stopListening: (() => void) | undefined
  /** Fires when the client closes, with the error of what then waits for a key. */
  readonly #ending = new AbortController()
  #closing: Promise<void> | undefined

  constructor(addresses: readonly Address[], settings: Settings, signal: AbortSignal | undefined) {
    const pool = new ConnectionPool(settings)
    const control = new ControlPlane(addresses, pool, settings)
    const routings = new RoutingCache(control)
    super(control, routings, settings)
    this.#settings = settings
    this.#pool = pool
    this.#control = control
    this.#routings = routings
    this.#putters = new Putters((stream) => this.producer(stream), clientLimits.streamsKept, settings.log)
    this.#puts = new Puts(this.#putters)
    this.#signal = signal
    this.#stopListening = signal === undefined ? undefined : onAbort(signal, () => this.#abort(signal))
  }

  /** Makes the first connection. */
  async open(): Promise<void> {
    await this.#control.connect(this.#signal)
  }

  /**
   * Appends one record and fulfils when it is stored. Records of concurrent puts are sent in one batch. For many records, a
   * producer is cheaper. What a record waits for longer than 5 s is told by `log`; a record that could not be
   * stored for 120 s is refused. A rejection says by `sideEffects` whether the record may be stored all the same.
   */
  put(stream: string, record: RecordInput, options?: CallOptions): Promise<Acknowledgement>
  /** Appends one record whose data a codec encodes. */
  put<In>(stream: string, record: RecordInput<In>, options: PutOptions<In>): Promise<Acknowledgement>
  async put<In>(
    stream: string,
    record: RecordInput<In>,
    options: Partial<PutOptions<In>> = {},
  ): Promise<Acknowledgement> {
    return this.#puts.put(stream, record, options)
  }

  /** Appends records, each with a result of its own. The results are in the order of the records. */
  putMany(stream: string, records: Iterable<RecordInput>, options?: CallOptions): Promise<PutResult[]>
  /** Appends records whose data a codec encodes. */
  putMany<In>(
    stream: string,
    records: Iterable<RecordInput<In>>,
    options: PutOptions<In>,
  ): Promise<PutResult[]>
  async putMany<In>(
    stream: string,
    records: Iterable<RecordInput<In>>,
    options: Partial<PutOptions<In>> = {},
  ): Promise<PutResult[]> {
    return this.#puts.putMany(stream, records, options)
  }

  /** Makes a producer for many records: see Producer. Rejects with `streamNotFound`. */
  async producer<In = BytesInput>(stream: string, options: ProducerOptions<In> = {}): Promise<Producer<In>> {
    checkArgument('stream', stream)
    checkOptions('producer', options)
    const routing = await this.#routingToWrite(stream, options.signal)
    const producer: Producer<In> = new Producer(options, {
      stream,
      routing,
      routings: this.#routings,
      pool: this.#pool,
      askLimits: async (signal) =>
        (await this.#control.call('describeStream', { name: stream }, signal)).stream.shardLimits,
      settings: this.#settings,
      hashKeys: this.#hashKeys,
      onClosed: () => this.#given.delete(producer),
    })
    this.#given.add(producer)
    return producer
  }

  /** Makes a writer that stores records once through any crash: see PreparedWriter. Rejects with `streamNotFound`. */
  async preparedWriter(stream: string, options: PreparedWriterOptions = {}): Promise<PreparedWriter> {
    checkArgument('stream', stream)
    checkOptions('preparedWriter', options)
    const routing = await this.#routingToWrite(stream, options.signal)
    const writer: PreparedWriter = new PreparedWriter(options, {
      ...this.#fetching(stream),
      routing,
      brokerTime: (signal) => this.#control.time(signal),
      onClosed: () => this.#given.delete(writer),
    })
    this.#given.add(writer)
    return writer
  }

  /**
   * Reads a stream, or one shard of it, from any position; by default from the oldest record to the present tail of each
   * shard. Use `for await` over the reading, or over its `batches()`. It begins at once.
   */
  read<T = Uint8Array>(stream: string, options: ReadOptions<T> = {}): Reading<T> {
    checkArgument('stream', stream)
    checkOptions('read', options)
    const { from = 'TRIM_HORIZON', follow = false, onTrimmed = 'fail' } = options
    const until = options.until === undefined && !follow ? 'LATEST' : options.until
    const settings = fetchSettings(options)
    const { consumer } = options
    return this.#reading(stream, options, {
      from,
      until,
      makeIntake: (events, shardCount) =>
        consumer === undefined
          ? new Fetcher({ ...settings, pool: this.#pool, onTrimmed, settings: this.#settings }, events)
          : this.#subscriber(
              { onTrimmed, consumer, creditBytes: sharedCreditBytes(options, shardCount) },
              events,
            ),
    })
  }

  /**
   * Reads one shard once, from a position on, for programs that keep positions themselves: Kinesis' GetRecords. Give `next` of the
   * answer as `from: { atSequenceNumber: next }` to go on. Limits that are used up are not waited for. Rejects with
   * `provisionedThroughputExceeded`, which says when to come again, `trimmed`, `invalidPosition` for a number above the tail,
   * `shardNotFound`, `streamNotFound`, and as a loop over `read` for records that cannot be read.
   */
  async fetch<T = Uint8Array>(stream: string, options: FetchOptions<T>): Promise<Fetched<T>> {
    checkArgument('stream', stream)
    checkOptions('fetch', options)
    return fetchShard(options, this.#fetching(stream))
  }

  /**
   * Turns a position in a shard into the sequence number to read from, without reading: `from: 'LATEST'` gives the number of the next
   * record. It counts for no limit of reads. Rejects with `trimmed`, `invalidPosition` for a number above the tail, `shardNotFound` and
   * `streamNotFound`.
   */
  async resolvePosition(stream: string, options: ResolvePositionOptions): Promise<ResolvedPosition> {
    checkArgument('stream', stream)
    checkOptions('resolvePosition', options)
    return resolveInShard(options, this.#fetching(stream))
  }

  /**
   * Follows a stream, or one shard of it: the broker sends records as they are stored, by default from now on. Use `for await`
   * over the reading, or over its `batches()`. It begins at once; `started` fulfils when it has begun.
   */
  subscribe<T = Uint8Array>(stream: string, options: SubscribeOptions<T> = {}): Reading<T> {
    checkArgument('stream', stream)
    checkOptions('subscribe', options)
    const { from = 'LATEST', onTrimmed = 'fail', consumer } = options
    return this.#reading(stream, options, {
      from,
      until: undefined,
      makeIntake: (events, shardCount) =>
        this.#subscriber({ onTrimmed, consumer, creditBytes: creditBytesOf(options, shardCount) }, events),
    })
  }

  /**
   * Gives access to documents of a kind: small values that the broker keeps by name, each with a version, for state that a
   * program needs after a restart (definitions, schemas, cursors). A kind has 1 to 64 characters of a–z, 0–9 and `-`; a name
   * has 1 to 200 characters, without control characters. Values are JSON by default; `T` is the caller's claim.
   */
  documents<T = unknown>(kind: string, options: DocumentsOptions<T> = {}): Documents<T> {
    return new Documents(kind, options, {
      control: this.#control,
      settings: this.#settings,
      onWatch: (watch) => {
        this.#given.add(watch)
        return () => this.#given.delete(watch)
      },
    })
  }

  /**
   * A consumer group: any number of processes that share the shards of one or some streams, each shard one process's at a
   * time. `run` a handler, or loop over its `batches()`. What is processed is checkpointed in the broker, and a process that
   * crashes is replaced by the others within the time of its lease. Throws `invalidArgument` for options that make no sense.
   */
  group<T = Uint8Array>(options: GroupOptions<T>): Group<T> {
    checkOptions('group', options)
    checkArgument('name', options.name)
    this.#throwIfClosed()
    const group: Group<T> = new Group(options, {
      control: this.#control,
      routings: this.#routings,
      pool: this.#pool,
      settings: this.#settings,
      put: (stream, record) => this.#putters.put(stream, record),
      onClosed: () => this.#given.delete(group),
    })
    this.#given.add(group)
    return group
  }

  /**
   * Positions of a reader, kept in the broker under a name: `load` one to go on where it was, `save` it on the way. For one
   * reader at a time; several share the work as a `group`.
   */
  checkpoints(name: string): Checkpoints {
    return new Checkpoints(name, {
      control: this.#control,
      routings: this.#routings,
      pool: this.#pool,
      settings: this.#settings,
    })
  }

  /**
   * Ends readings and watches, stops groups, flushes producers, and disconnects. Rejects with the first refusal that a producer has not
   * reported yet. With a signal, it stops waiting for producers when the signal fires.
   */
  async close(options: CallOptions = {}): Promise<void> {
    checkOptions('close', options)
    const { signal } = options
    const closing = (this.#closing ??= this.#finish())
    // Of each call: the first one may be without a signal, and a later one in more of a hurry.
    const stop = signal === undefined ? undefined : onAbort(signal, () => this.#abort(signal))
    try {
      await closing
    } finally {
      stop?.()
    }
  }

  /** Closes the client at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #finish(): Promise<void> {
    this.#ending.abort(closedError('The client'))
    const closings = [...this.#given].map((given) => given.close())
    const closed = await Promise.allSettled(closings)
    this.#stopListening?.()
    this.#pool.close()
    const failed = closed.find((closing) => closing.status === 'rejected')
    if (failed !== undefined) throw asMillraceError(failed.reason)
  }

  /** Ends producers and readings with an error, and closes all connections. */
  #abort(signal: AbortSignal): void {
    this.#ending.abort(abortedBy(signal))
    for (const given of this.#given) given.abort(signal.reason)
    this.#pool.close()
  }

  #throwIfClosed(): void {
    if (this.#signal?.aborted) throw abortedBy(this.#signal)
    if (this.#closing !== undefined) throw closedError('The client')
  }

  /** The routing of a stream, once there is a key where it is encrypted. */
  async #routingToWrite(stream: string, signal: AbortSignal | undefined): Promise<Routing> {
    this.#throwIfClosed()
    const routing = await this.#routings.get(stream, signal)
    await ensureKey(stream, this.#settings, { signal, closing: this.#ending.signal })
    this.#throwIfClosed()
    throwIfAborted(signal)
    return routing
  }

  #fetching(stream: string): FetchDependencies {
    this.#throwIfClosed()
    return {
      stream,
      routings: this.#routings,
      pool: this.#pool,
      settings: this.#settings,
      closing: this.#ending.signal,
    }
  }

  #subscriber(
    options: Pick<SubscriberOptions, 'onTrimmed' | 'consumer' | 'creditBytes'>,
    events: IntakeEvents,
  ): Subscriber {
    return new Subscriber({ ...options, pool: this.#pool, monotonic: this.#settings.monotonic }, events)
  }

  #reading<T>(
    stream: string,
    options: ReadOptions<T> & SubscribeOptions<T>,
    plan: ConstructorParameters<typeof Reading<T>>[1],
  ): Reading<T> {
    this.#throwIfClosed()
    // If the signal has fired already, it closes the reading while it is being made.
    const closed = new AbortController()
    const filter = filterOf(options)
    const isNarrowed = filter !== undefined && options.shard === undefined
    const routings = isNarrowed ? new NarrowedRoutings(this.#routings, filter.hashKeys) : this.#routings
    const reading: Reading<T> = new Reading(
      options,
      { ...plan, filter },
      {
        stream,
        routings,
        pool: this.#pool,
        settings: this.#settings,
        brokerTime: (signal) => this.#control.time(signal),
        onClosed: () => closed.abort(),
      },
    )
    this.#given.add(reading)
    onAbort(closed.signal, () => this.#given.delete(reading))
    return reading
  }
}
