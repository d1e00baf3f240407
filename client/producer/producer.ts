// What an application appends with: encodes, bounds what is buffered, and tells what became of each record.
// Runs in the client. Records of one partition key are stored in the order of the calls, each once, however often a
// connection breaks; a record is settled exactly once.
import { isCodecAvailable } from '../../protocol/batch/compression.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import type { RecordFields } from '../../protocol/batch/record.ts'
import { encodePayload, resolveEncoder, type BytesInput, type Codec } from '../codecs.ts'
import { closedError, errorFrom } from '../errors.ts'
import { checkOptions } from '../options/check.ts'
import {
  checkRecord,
  checkRecordFields,
  explicitHashKeyWords,
  headersToBytes,
  type RecordInput,
} from '../record.ts'
import type { CallOptions } from '../settings.ts'
import { deferred, onAbort, unlessAborted, type Deferred } from '../waiting.ts'
import { Delivery, type DeliveryOptions } from './delivery/delivery.ts'
import { DrainRate } from './buffer/drain-rate.ts'
import type { HashKeyCache } from './batches/hash-key-cache.ts'
import { producerLimits, resolveProducerSettings, type ProducerOptions } from './options.ts'
import type { Acknowledgement } from './acknowledgement.ts'
import type { PendingBatch } from './batches/pending-batch.ts'
import { notSent } from './delivery/waits.ts'
import type { ProducerMetrics } from './telemetry/meter.ts'
import { countOf } from '../../protocol/text/count-text.ts'

export interface ProducerDependencies extends Pick<
  DeliveryOptions,
  'stream' | 'routing' | 'routings' | 'pool' | 'settings'
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
  readonly #monotonic: () => number
  readonly #delivery: Delivery
  readonly #bufferBytesMax: number
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
  #acceptedThisTurn = 0
  /** Bytes accepted so far, as they count in the buffer. */
  #acceptedBytes = 0
  readonly #drainRate = new DrainRate()
  #turn: Deferred<void> | undefined
  #room: Deferred<void> | undefined
  /** The first refusal of a record that nobody waits for; `flush` and `close` report it. */
  #unreported: MillraceError | undefined
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
    this.#monotonic = dependencies.settings.monotonic
    this.#bufferBytesMax = producerSettings.bufferBytesMax
    this.#hashKeys = dependencies.hashKeys
    this.#onClosed = dependencies.onClosed
    this.#delivery = new Delivery({
      ...dependencies,
      producerSettings,
      onStored: (acknowledgement) => {
        this.#makeRoom()
        options.onAcknowledged?.(acknowledgement)
      },
      onRefused: (batch, error, shardId) => {
        this.#makeRoom()
        if (!batch.isWatched) this.#unreported ??= error
        options.onRefused?.(error, { shardId, recordCount: batch.recordCount })
      },
      onDelayed: (error, wait) => options.onDelayed?.(error, wait),
    })
    const { signal } = options
    if (signal !== undefined) this.#stopListening = onAbort(signal, () => this.abort(signal.reason))
  }

  /** Bytes of records that are accepted and not settled. */
  get bufferedBytes(): number {
    return this.#delivery.bufferedBytes
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
      batch.addWaiter({ index, resolve, reject })
    })
  }

  /**
   * Takes a record and answers nothing about it: the cheap way for many. Answers a promise when it is time to wait, to be
   * awaited before the next record. A refusal makes the next `flush` or `close` reject; `onAcknowledged` and
   * `onRefused` tell of every batch. Throws what `send` rejects with.
   */
  push(record: RecordInput<In>): Promise<void> | undefined {
    this.#accept(record)
    return this.ready()
  }

  /** Undefined while there is room for more; else a promise of it. It never rejects. */
  ready(): Promise<void> | undefined {
    if (this.#ended !== undefined) return undefined
    if (this.bufferedBytes >= this.#bufferBytesMax / 2) return (this.#room ??= deferred()).promise
    if (this.#acceptedThisTurn >= producerLimits.turnBytes) return this.#turn?.promise
    return undefined
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
    this.#closing ??= this.#finish(options.signal)
    return this.#closing
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

  async #finish(signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.flush(signal === undefined ? {} : { signal })
    } finally {
      if (signal?.aborted) this.abort(signal.reason)
      else this.#end(closedError('The producer'))
    }
  }

  #end(error: MillraceError): void {
    if (this.#ended !== undefined) return
    this.#ended = notSent(error)
    this.#stopListening?.()
    this.#delivery.close(error)
    this.#makeRoom()
    this.#onClosed()
  }

  #accept(record: RecordInput<In>): PendingBatch {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#closing !== undefined) throw notSent(closedError('The producer'))
    const before = this.#delivery.bufferedBytes
    if (before >= this.#bufferBytesMax) throw this.#overloaded()
    if (before === 0) this.#drainRate.begin(this.#monotonic(), this.#acceptedBytes)
    const encoded = this.#encode(record)
    const { explicitHashKey } = encoded
    const batch =
      explicitHashKey === undefined
        ? this.#delivery.add(encoded, this.#hashKeys.words, this.#hashKeys.find(record.partitionKey))
        : this.#delivery.add(encoded, explicitHashKey, 0)
    this.#turn ??= this.#beginTurn()
    const bytes = this.#delivery.bufferedBytes - before
    this.#acceptedThisTurn += bytes
    this.#acceptedBytes += bytes
    return batch
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

  #beginTurn(): Deferred<void> {
    const turn = deferred<void>()
    setImmediate(() => {
      this.#turn = undefined
      this.#acceptedThisTurn = 0
      turn.resolve()
    })
    return turn
  }

  /** Asked to wait at half of the buffer, callers go on at a quarter: they do not wake for every batch. */
  #makeRoom(): void {
    this.#drainRate.sample(this.#monotonic(), this.#acceptedBytes - this.bufferedBytes)
    if (this.#room === undefined) return
    if (this.#ended === undefined && this.bufferedBytes > this.#bufferBytesMax / 4) return
    this.#room.resolve()
    this.#room = undefined
  }

  #overloaded(): MillraceError {
    const { bufferedBytes } = this
    const max = this.#bufferBytesMax
    const message =
      `The records for ${JSON.stringify(this.stream)} that wait to be stored have ${countOf(bufferedBytes, 'byte')}; ` +
      `the limit is bufferBytesMax, ${max}: await ready() before sending more. The record was not taken and is not stored.`
    // Until `ready` would not ask to wait.
    const excessBytes = bufferedBytes - max / 2
    const drained = this.#acceptedBytes - bufferedBytes
    const retryAfterMs = this.#drainRate.msFor(excessBytes, this.#monotonic(), drained)
    return new MillraceError('overloaded', message, { retryAfterMs })
  }
}
