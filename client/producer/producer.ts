// What an application appends with: encodes, bounds what is buffered, and tells what became of each record.
// Runs in the client. Records of one partition key are stored in the order of the calls, each once, however often a
// connection breaks; a record is settled exactly once.
import type { Writable } from 'node:stream'
import type { WritableStream } from 'node:stream/web'
import { isCodecAvailable } from '../../protocol/batch/compression.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { RecordFields } from '../../protocol/batch/record.ts'
import { encodePayload, resolveEncoder, type BytesInput, type Codec } from '../codecs.ts'
import { asMillraceError, closedError, errorFrom } from '../errors.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import {
  checkRecord,
  checkRecordFields,
  explicitHashKeyWords,
  headersToBytes,
  type RecordInput,
} from '../record.ts'
import type { CallOptions } from '../settings.ts'
import { onAbort, unlessAborted } from '../waiting.ts'
import { Delivery, type DeliveryOptions } from './delivery/delivery.ts'
import { BufferRoom } from './buffer/room.ts'
import type { HashKeyCache } from './batches/hash-key-cache.ts'
import { producerLimits, resolveProducerSettings, type ProducerOptions } from './options.ts'
import type { Acknowledgement, PutResult } from './acknowledgement.ts'
import type { PendingBatch } from './batches/pending-batch.ts'
import { notSent } from './delivery/waits.ts'
import { SentMany } from './batches/sent-many.ts'
import { SinkIntake } from './sinks/intake.ts'
import { takeAll, type RecordIterable } from './sinks/iterable-sink.ts'
import { nodeSink } from './sinks/node-sink.ts'
import { webSink } from './sinks/web-sink.ts'
import type { ProducerMetrics } from './telemetry/meter.ts'

export interface ProducerDependencies extends Pick<
  DeliveryOptions,
  'stream' | 'routing' | 'routings' | 'pool' | 'settings' | 'askLimits'
> {
  /** Of the client: what a key hashes to depends on nothing else. */
  readonly hashKeys: HashKeyCache
  readonly onClosed: () => void
}

/** Appends records to one stream. Made by `client.producer`. */
export class Producer<In = BytesInput> implements AsyncDisposable {
  /** Name of the stream that it writes to. */
  readonly stream: string
  readonly #codec: Codec<In, unknown>
  readonly #clock: () => number
  readonly #delivery: Delivery
  readonly #room: BufferRoom
  readonly #onClosed: () => void
  readonly #stopListening: (() => void) | undefined
  /** The record being encoded. Encoding never yields, so that one is enough; it spares an object a record. */
  readonly #encoded: { -readonly [K in keyof RecordFields]: RecordFields[K] } = {
    partitionKey: '',
    data: new Uint8Array(),
    explicitHashKey: undefined,
    timestamp: 0,
    headers: undefined,
  }
  readonly #hashKeys: HashKeyCache
  /** Records given so far. */
  #recordCount = 0
  /** The first refusal of a record without a waiter. `flush` and `close` report it. */
  #unreported: MillraceError | undefined
  /** Sinks that may take more. */
  readonly #intakes = new Set<SinkIntake<In>>()
  #closing: Promise<void> | undefined
  #ended: MillraceError | undefined

  constructor(options: ProducerOptions<In>, dependencies: ProducerDependencies) {
    const producerSettings = resolveProducerSettings(options)
    if (!isCodecAvailable(producerSettings.compression)) {
      const message = `This runtime (${process.version}) cannot compress with ${producerSettings.compression}: use gzip or none.`
      throw new MillraceError('invalidArgument', message)
    }
    this.stream = dependencies.stream
    this.#codec = resolveEncoder(options.codec)
    this.#clock = dependencies.settings.clock
    this.#hashKeys = dependencies.hashKeys
    this.#onClosed = dependencies.onClosed
    this.#delivery = new Delivery({
      ...dependencies,
      producerSettings,
      onStored: (acknowledgement) => {
        this.#room.drained()
        options.onAcknowledged?.(acknowledgement)
      },
      onRefused: (batch, error, shardId) => {
        this.#room.drained()
        if (!batch.isWatched) this.#unreported ??= error
        options.onRefused?.(error, { shardId, recordCount: batch.recordCount })
      },
      onDelayed: (error, wait) => options.onDelayed?.(error, wait),
    })
    const { monotonic } = dependencies.settings
    this.#room = new BufferRoom({
      stream: this.stream,
      load: this.#delivery.load,
      producerSettings,
      monotonic,
    })
    const { signal } = options
    if (signal !== undefined) this.#stopListening = onAbort(signal, () => this.abort(signal.reason))
  }

  /** Bytes of records that are accepted and not settled. */
  get bufferedBytes(): number {
    return this.#delivery.load.bufferedBytes
  }

  /**
   * How it stands with the producer now, and what it has done so far: a snapshot, cheap enough for every second. The same is told as it
   * happens by the channels of `node:diagnostics_channel` that `producerChannels` names.
   */
  metrics(): ProducerMetrics {
    return this.#delivery.metrics()
  }

  /**
   * Takes a record, encodes it at once, and fulfils when it is stored. Rejects with `overloaded` where the buffer is full,
   * whose `retryAfterMs` says when it has room again at the rate of the last second: better `await ready()` between sends.
   * A rejection says what the record waited for, and by `sideEffects` whether it may be stored. To append one after the other, await each; to append fast, collect the promises, or
   * `push`.
   */
  send(record: RecordInput<In>): Promise<Acknowledgement> {
    let batch: PendingBatch
    try {
      batch = this.#accept(record)
    } catch (error) {
      return Promise.reject(errorFrom(error))
    }
    const index = batch.recordCount - 1
    return new Promise((resolve, reject) => {
      batch.addWaiter({ index, stored: resolve, refused: reject })
    })
  }

  /**
   * Takes records in their order, all of them now, and fulfils with what became of each when all are settled: as `send` of each, at a
   * fraction of its cost. It does not reject: a record that is invalid, or finds the buffer full, has its error as its result, and
   * does not stop the others.
   */
  sendMany(records: Iterable<RecordInput<In>>): Promise<PutResult[]> {
    checkArgument('records', records)
    const many = new SentMany()
    for (const record of records) {
      try {
        many.sent(this.#accept(record))
      } catch (error) {
        many.failed(asMillraceError(error))
      }
    }
    return many.settled()
  }

  /**
   * Takes a record without reporting its result: the cheapest way for many records. If it returns a promise, await it before
   * the next record. A refusal makes the next `flush` or `close` reject; `onAcknowledged` and `onRefused` are called for every
   * batch. Throws the errors with which `send` rejects.
   */
  push(record: RecordInput<In>): Promise<void> | undefined {
    this.#accept(record)
    return this.ready()
  }

  /** Undefined while there is room for more; else a promise of it. It never rejects. */
  ready(): Promise<void> | undefined {
    return this.#ended === undefined ? this.#room.ready() : undefined
  }

  /**
   * Takes the records of an iterable, also of one whose records come later, as fast as there is room; fulfils with their number
   * when all of them are stored. Leaves the iterable and rejects at the first error: a record that is refused, what the
   * iterable throws, `aborted` by the signal, or `closed` when the producer is. What was taken before is still sent.
   */
  async pushAll(source: RecordIterable<In>, options: CallOptions = {}): Promise<number> {
    checkArgument('source', source)
    checkOptions('pushAll', options)
    return takeAll(this.#intake(options), source)
  }

  /**
   * A `Writable` of Node that takes records, for `pipeline`. It finishes when all of them are stored, and is destroyed by the first
   * that is refused, or with `aborted` by the signal. The producer goes on when it ends; `close` is the caller's, and ends it too.
   */
  writable(options: CallOptions = {}): Writable {
    checkOptions('writable', options)
    return nodeSink(this.#intake(options))
  }

  /**
   * A `WritableStream` of the web that takes records, for `pipeTo`. It closes when all of them are stored, and errors with the first
   * that is refused, or with `aborted` by the signal. The producer goes on when it ends; `close` is the caller's, and ends it too.
   */
  writableStream(options: CallOptions = {}): WritableStream<RecordInput<In>> {
    checkOptions('writableStream', options)
    return webSink(this.#intake(options))
  }

  /** Fulfils when all records taken so far are settled; rejects with the first refusal of a pushed one. */
  async flush(options: CallOptions = {}): Promise<void> {
    checkOptions('flush', options)
    await unlessAborted(this.#delivery.flush(), options.signal)
    const error = this.#unreported
    this.#unreported = undefined
    if (error !== undefined) throw error
  }

  /** Takes no more records, flushes, and ends. With a signal, what is not settled when it fires fails with `aborted`. */
  async close(options: CallOptions = {}): Promise<void> {
    checkOptions('close', options)
    const { signal } = options
    this.#closing ??= this.#finish()
    try {
      await unlessAborted(this.#closing, signal)
    } catch (error) {
      if (signal?.aborted === true) this.abort(signal.reason)
      throw error
    }
  }

  /** Ends at once: what is not acknowledged fails with `aborted`, which says of each record whether it may be stored. */
  abort(reason?: unknown): void {
    const message = 'The producer was ended before the record was acknowledged.'
    this.#end(new MillraceError('aborted', message, { cause: reason }))
  }

  /** Closes it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #finish(): Promise<void> {
    try {
      await this.flush()
    } finally {
      this.#end(closedError('The producer'))
    }
  }

  #end(error: MillraceError): void {
    if (this.#ended !== undefined) return
    this.#ended = notSent(error)
    this.#stopListening?.()
    this.#delivery.close(error)
    this.#room.end()
    // Those whose records are all stored finish; the others would wait for records of which they can take none.
    for (const intake of this.#intakes) intake.producerEnded(this.#ended)
    this.#onClosed()
  }

  #accept(record: RecordInput<In>): PendingBatch {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#closing !== undefined) throw notSent(closedError('The producer'))
    const before = this.#room.claim()
    const encoded = this.#encode(record)
    const { explicitHashKey } = encoded
    const batch =
      explicitHashKey === undefined
        ? this.#delivery.add(encoded, this.#hashKeys.words, this.#hashKeys.find(record.partitionKey))
        : this.#delivery.add(encoded, explicitHashKey, 0)
    this.#room.taken(before)
    return batch
  }

  #intake({ signal }: CallOptions): SinkIntake<In> {
    const intakes = this.#intakes
    const target = {
      accept: (record: RecordInput<In>) => this.#accept(record),
      ready: () => this.ready(),
      untold: (error: MillraceError) => void (this.#unreported ??= error),
      left: (ended: SinkIntake<In>) => void intakes.delete(ended),
    }
    const intake = new SinkIntake(target, signal)
    if (this.#ended !== undefined) intake.fail(this.#ended)
    else if (intake.failure === undefined) intakes.add(intake)
    return intake
  }

  #encode(record: RecordInput<In>): RecordFields {
    const encoded = this.#encoded
    // A name is misspelt in code, which makes many records alike: the first ones show it, and a few of the others.
    const count = this.#recordCount++
    if (count < producerLimits.namesChecked || count % producerLimits.namesCheckedEvery === 0) {
      checkRecord(record)
    } else {
      checkRecordFields(record)
    }
    const { timestamp, explicitHashKey, headers } = record
    encoded.partitionKey = record.partitionKey
    encoded.data = encodePayload(this.#codec, record)
    encoded.timestamp = timestamp === undefined ? this.#clock() : Number(timestamp)
    encoded.explicitHashKey =
      explicitHashKey === undefined ? undefined : explicitHashKeyWords(explicitHashKey)
    encoded.headers = headers === undefined ? undefined : headersToBytes(headers)
    return encoded
  }
}
