// What every sink of a producer does with its records: gives them to the producer as it has room, waits until all of them are
// settled, and ends with the first one that is refused. Runs in the client. A refusal that a sink tells of is not reported by
// `flush` as well.
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { errorFrom } from '../../errors.ts'
import type { RecordInput } from '../../record.ts'
import { abortedBy, deferred, onAbort } from '../../waiting.ts'
import type { BatchWatch, PendingBatch } from '../batches/pending-batch.ts'
import { notSent } from '../delivery/waits.ts'

/** A producer, as far as a sink needs one. */
export interface SinkTarget<In> {
  /** Takes a record; answers its batch, of which it is the last one. Throws what `send` rejects with. */
  readonly accept: (record: RecordInput<In>) => PendingBatch
  readonly ready: () => Promise<void> | undefined
  /** Called with a refusal that the sink cannot tell of, because it was left before. */
  readonly untold: (error: MillraceError) => void
  /** Called once, when the sink has no more to do with the producer. */
  readonly left: (intake: SinkIntake<In>) => void
}

const TAKEN = 'Records that were taken before may be stored, or may become so.'

export class SinkIntake<In> {
  /** Records taken so far. */
  count = 0
  /** It fails although all that it took is stored, because its producer has ended. */
  hasStoredAll = false
  readonly #target: SinkTarget<In>
  readonly #settled = deferred<void>()
  readonly #watch: BatchWatch
  /** The batch of the last record. */
  #batch: PendingBatch | undefined
  #failure: Error | undefined
  /** It was left, by its user or with its failure. */
  #isOver = false
  /** It failed with a refusal. */
  #hasTold = false
  #onFailure: ((error: Error) => void) | undefined
  /** Ends the wait that is under way. */
  #interrupt: ((error: Error) => void) | undefined
  readonly #stopListening: (() => void) | undefined

  /** Fails with `aborted` when the signal fires: what was taken before is still sent. */
  constructor(target: SinkTarget<In>, signal: AbortSignal | undefined) {
    this.#target = target
    this.#watch = {
      // Its own, until it has taken all.
      left: 1,
      done: () => this.#settled.resolve(),
      refused: (error: MillraceError) => this.#refused(error),
    }
    if (signal !== undefined) this.#stopListening = onAbort(signal, () => this.fail(this.#abortedBy(signal)))
  }

  /** Why it takes no more. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Called once, when it fails; at once if it has failed. */
  set onFailure(listener: (error: Error) => void) {
    if (this.#failure === undefined) this.#onFailure = listener
    else listener(this.#failure)
  }

  /**
   * Takes a record. Returns a promise that never rejects if the caller must wait before the next record. Throws if the record is
   * not taken, and throws the sink's failure once it has failed.
   */
  take(record: RecordInput<In>): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure
    const batch = this.#target.accept(record)
    this.count++
    batch.sinkRecords++
    if (batch !== this.#batch) {
      this.#batch = batch
      batch.addWatch(this.#watch)
    }
    return this.#target.ready()
  }

  /** Fulfils when everything that was taken is stored; rejects with what it has failed with. */
  async finish(): Promise<void> {
    this.#batch = undefined
    if (--this.#watch.left === 0) this.#settled.resolve()
    await this.#settled.promise
    this.end()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Settles like the promise; but rejects as soon as the sink fails. One at a time. */
  unlessFailed<T>(promise: Promise<T>): Promise<T> {
    if (this.#failure !== undefined) {
      // Nobody waits for it, so its error is nobody's either: unhandled, it would end the process.
      promise.catch(() => {})
      return Promise.reject(this.#failure)
    }
    return new Promise((resolve, reject) => {
      this.#interrupt = reject
      promise.then(resolve, (error: unknown) => reject(errorFrom(error)))
    })
  }

  #abortedBy(signal: AbortSignal): Error {
    return this.count === 0 ? notSent(abortedBy(signal)) : abortedBy(signal, TAKEN)
  }

  fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.end()
    this.#settled.resolve()
    this.#interrupt?.(error)
    this.#onFailure?.(error)
  }

  /** Called when the producer has ended, and everything that was taken is settled: it fails, unless it has taken all. */
  producerEnded(error: Error): void {
    if (this.#failure !== undefined || this.#watch.left === 0) return
    this.hasStoredAll = true
    this.fail(error)
  }

  /** Listens to its signal no more, and is told of nothing. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stopListening?.()
    this.#target.left(this)
  }

  #refused(error: MillraceError): void {
    if (this.#isOver && !this.#hasTold) {
      this.#target.untold(error)
      return
    }
    this.#hasTold = true
    this.fail(error)
  }
}
