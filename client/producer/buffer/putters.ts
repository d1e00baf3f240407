// The producers behind `put`: one a stream, made by its first put and kept for the next ones. Runs in the client.
// A producer is closed only when no put has to do with it: none waits for it, and no record of it is under way. However
// many streams are put to at once, each has its producer for as long; beyond that the client keeps a bounded number.
import type { BytesInput } from '../../codecs.ts'
import { asMillraceError, type MillraceError } from '../../errors.ts'
import type { RecordInput } from '../../record.ts'
import type { LogEntry } from '../../settings.ts'
import { abortedBy, deferred, throwIfAborted, unlessAborted, type Deferred } from '../../waiting.ts'
import type { Acknowledgement } from '../acknowledgement.ts'
import type { Producer } from '../producer.ts'
import { notSent, waitLimits } from '../delivery/waits.ts'

/** A producer, as far as `put` needs one. */
export type PutProducer = Pick<Producer, 'ready' | 'send' | 'close'>

export class Putters {
  readonly #open: (stream: string) => Promise<PutProducer>
  readonly #sizeMax: number
  readonly #log: (entry: LogEntry) => void
  readonly #byStream = new Map<string, Putter>()
  /** Those that no put has to do with, the one that was used longest ago first. */
  readonly #unused = new Set<Putter>()

  /** `open` makes a producer. Those that are not in use are closed while there are more than `sizeMax`. */
  constructor(
    open: (stream: string) => Promise<PutProducer>,
    sizeMax: number,
    log: (entry: LogEntry) => void = () => {},
  ) {
    this.#open = open
    this.#sizeMax = sizeMax
    this.#log = log
  }

  /** Producers that there are. */
  get size(): number {
    return this.#byStream.size
  }

  /**
   * Appends a record, behind all that were put to the stream before. Fulfils when it is stored. With a signal, the wait
   * ends when that fires: a record that its producer had not taken by then is not sent at all, and the error says so.
   */
  async put(stream: string, record: RecordInput, signal?: AbortSignal): Promise<Acknowledgement> {
    if (signal?.aborted) throw notSent(abortedBy(signal))
    return this.#of(stream).put(record, signal)
  }

  /**
   * Fulfils when a record that is put to the stream now would be sent at once. Rejects with `streamNotFound`, and with
   * `aborted` when the signal fires first.
   */
  async ready(stream: string, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    return unlessAborted(this.#of(stream).ready(), signal)
  }

  #of(stream: string): Putter {
    const putter = this.#byStream.get(stream) ?? this.#begin(stream)
    this.#unused.delete(putter)
    return putter
  }

  #begin(stream: string): Putter {
    const putter: Putter = new Putter(stream, this.#open(stream), {
      failed: () => this.#forget(putter),
      waiting: () => this.#log({ level: 'warn', message: WAITS_FOR_SHARDS, stream }),
      unused: () => this.#keep(putter),
    })
    this.#byStream.set(stream, putter)
    return putter
  }

  #forget(putter: Putter): void {
    this.#unused.delete(putter)
    if (this.#byStream.get(putter.stream) === putter) this.#byStream.delete(putter.stream)
  }

  #keep(putter: Putter): void {
    if (this.#byStream.get(putter.stream) !== putter) return
    this.#unused.add(putter)
    for (const oldest of this.#unused) {
      if (this.#byStream.size <= this.#sizeMax) return
      this.#forget(oldest)
      oldest.close()
    }
  }
}

const WAITS_FOR_SHARDS = `records have waited ${waitLimits.toldAfterMs / 1000} s for the broker to say where the shards of their stream are`
const TAKEN = 'The record was taken before: it may be stored, or may become so.'

/** A record that waits for its producer, or for room in it. */
interface WaitingPut {
  readonly record: RecordInput
  readonly sent: Deferred<Acknowledgement>
}

/** What a putter tells. */
interface PutterEvents {
  /** There will be no producer. */
  failed(): void
  /** Records have waited for the producer for long. */
  waiting(): void
  /** No put has to do with it any more. */
  unused(): void
}

class Putter {
  readonly stream: string
  readonly #opening: Promise<PutProducer>
  readonly #events: PutterEvents
  /** The producer, once it is there. */
  #producer: PutProducer | undefined
  /** In the order of the calls: none may overtake another, since they may have one key. */
  readonly #waiting = new Set<WaitingPut>()
  /** Sends what waits; fulfils when nothing does. */
  #sending: Promise<void> | undefined
  /** Calls that wait, or whose record is under way. */
  #uses = 0

  constructor(stream: string, opening: Promise<PutProducer>, events: PutterEvents) {
    this.stream = stream
    this.#opening = opening
    this.#events = events
    const timer = setTimeout(() => {
      if (this.#uses > 0) events.waiting()
    }, waitLimits.toldAfterMs)
    opening.then(
      (producer) => {
        clearTimeout(timer)
        this.#producer = producer
        this.#sendSoon(producer)
      },
      (error: unknown) => {
        clearTimeout(timer)
        events.failed()
        for (const { sent } of this.#waiting) sent.reject(notSent(asMillraceError(error)))
        this.#waiting.clear()
      },
    )
  }

  put(record: RecordInput, signal: AbortSignal | undefined): Promise<Acknowledgement> {
    const producer = this.#producer
    const mayPass = producer !== undefined && this.#waiting.size === 0 && producer.ready() === undefined
    if (!mayPass) return this.#sendInTurn(record, signal)
    return unlessAborted(this.#using(producer.send(record)), signal, isTaken)
  }

  /** Fulfils when a record that is put now would be sent at once. Rejects where there will be no producer. */
  ready(): Promise<void> {
    return this.#using(this.#room())
  }

  async #room(): Promise<void> {
    const producer = await this.#opening.catch((error: unknown) => {
      throw notSent(asMillraceError(error))
    })
    for (let room = this.#roomIn(producer); room !== undefined; room = this.#roomIn(producer)) await room
  }

  #roomIn(producer: PutProducer): Promise<void> | undefined {
    return this.#sending ?? producer.ready()
  }

  /** It is not in use. */
  close(): void {
    this.#producer?.close().catch(() => {})
  }

  #using<T>(work: Promise<T>): Promise<T> {
    this.#uses++
    const isSettled = () => {
      if (--this.#uses === 0) this.#events.unused()
    }
    work.then(isSettled, isSettled)
    return work
  }

  #sendInTurn(record: RecordInput, signal: AbortSignal | undefined): Promise<Acknowledgement> {
    const put: WaitingPut = { record: ownCopy(record), sent: deferred() }
    this.#waiting.add(put)
    if (this.#producer !== undefined) this.#sendSoon(this.#producer)
    // The putter is in use until the record is settled or taken back, even if the caller stops waiting.
    return unlessAborted(this.#using(put.sent.promise), signal, (fired) => {
      if (!this.#waiting.delete(put)) return isTaken(fired)
      const error = notSent(abortedBy(fired))
      put.sent.reject(error)
      return error
    })
  }

  #sendSoon(producer: PutProducer): void {
    if (this.#waiting.size === 0) return
    this.#sending ??= this.#sendWaiting(producer).finally(() => {
      this.#sending = undefined
      // One that came when the last had been sent.
      this.#sendSoon(producer)
    })
  }

  async #sendWaiting(producer: PutProducer): Promise<void> {
    for (const put of this.#waiting) {
      for (let room = producer.ready(); room !== undefined; room = producer.ready()) await room
      // In the same turn as the look: room for one record is not room for two. Gone is what its signal took back.
      if (this.#waiting.delete(put)) producer.send(put.record).then(put.sent.resolve, put.sent.reject)
    }
  }
}

function isTaken(signal: AbortSignal): MillraceError {
  return abortedBy(signal, TAKEN)
}

/** The record with bytes of its own: until it is sent, the caller may use the memory again. */
function ownCopy({ partitionKey, data, explicitHashKey, timestamp, headers }: RecordInput): RecordInput {
  const copied =
    headers && Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, copyOf(value)]))
  // By name: a record may have its fields from a class, and a spread would lose them.
  return { partitionKey, data: copyOf(data), explicitHashKey, timestamp, headers: copied }
}

function copyOf(input: BytesInput): BytesInput {
  // Not slice(): of a Buffer, that is a view.
  return input instanceof Uint8Array ? new Uint8Array(input) : input
}
