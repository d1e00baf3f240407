// A writer whose appends are prepared: what it is about to store is made durable by its caller first, so that each record is stored
// once through any crash. Runs in the client. Calls may overlap; the records of one key are stored in the order of the calls.
import { MillraceError } from '../../protocol/millrace-error.ts'
import { isCodecAvailable } from '../../protocol/batch/compression.ts'
import { closedError } from '../errors.ts'
import { checkArgument, checkOption, checkOptions } from '../options/check.ts'
import { optionTable } from '../options/table.ts'
import { HashKeyCache } from '../producer/batches/hash-key-cache.ts'
import { madeAgain } from '../reading/start.ts'
import type { RecordInput } from '../record.ts'
import { abortedBy, deferred, onAbort, throwIfAborted, type Deferred } from '../waiting.ts'
import { BrokerClock } from './broker-clock.ts'
import { PreparedCall } from './call.ts'
import { Dispatch, type DispatchDependencies } from './dispatch.ts'
import { layOutByPlan, type LayoutSettings } from './layout.ts'
import { resolvePreparedSettings, type PrepareOptions, type PreparedWriterOptions } from './options.ts'
import type { PreparedBatch } from './part.ts'
import { readPlan, type AppendPlan, type KnownPart } from './plan.ts'
import { PreparedRecords } from './records.ts'

export interface PreparedWriterDependencies extends Pick<
  DispatchDependencies,
  'stream' | 'routing' | 'routings' | 'pool' | 'settings'
> {
  /** Asks for the broker's time. */
  readonly brokerTime: (signal: AbortSignal) => Promise<number>
  readonly onClosed: () => void
}

const MAY_BE_STORED =
  'Its records may be stored, or some of them: resume it with the plan that was kept last.'

/** Appends that are prepared. Made by `client.preparedWriter`. */
export class PreparedWriter implements AsyncDisposable {
  /** Name of the stream. */
  readonly stream: string
  readonly #dependencies: PreparedWriterDependencies
  readonly #bufferBytesMax: number
  readonly #layout: LayoutSettings
  readonly #dispatch: Dispatch
  readonly #hashKeys = new HashKeyCache()
  readonly #calls = new Set<PreparedCall>()
  readonly #closing = new AbortController()
  readonly #stopListening: (() => void) | undefined
  /** Calls are laid out one after the other; a resumed one is settled before the next. */
  #turns: Promise<void> = Promise.resolve()
  /** Calls that wait for their turn. */
  #waiting = 0
  #callCount = 0
  #last: PreparedCall | undefined
  #room: Deferred<void> | undefined
  #ended: MillraceError | undefined

  constructor(options: PreparedWriterOptions, dependencies: PreparedWriterDependencies) {
    const { batchBytes, compression, bufferBytesMax } = resolvePreparedSettings(options)
    const { settings, stream, brokerTime } = dependencies
    if (!isCodecAvailable(compression)) {
      const message = `This runtime (${process.version}) cannot compress with ${compression}: use gzip or none.`
      throw new MillraceError('invalidArgument', message)
    }
    this.stream = stream
    this.#dependencies = dependencies
    this.#bufferBytesMax = bufferBytesMax
    const isEncrypted = settings.encryption?.isFor(stream) === true
    this.#layout = { batchBytes, compression, isEncrypted, random: settings.random }
    this.#dispatch = new Dispatch({
      ...dependencies,
      layout: this.#layout,
      clock: new BrokerClock(brokerTime, settings),
      closing: this.#closing.signal,
      onGone: (error) => this.#end(error),
    })
    const { signal } = options
    if (signal !== undefined) this.#stopListening = onAbort(signal, () => this.abort(signal.reason))
  }

  /**
   * Stores records, each once. Lays them out by shard, calls `keep` with the plan, and sends them when that is fulfilled; fulfils
   * when every record is flushed. After a crash, `resume` with the plan that was kept last. The records must not change before it is
   * settled. Throttling, restarts and changes of shards are waited out, for as long as the signal does not fire. Rejects with what
   * `keep` rejects with, with `invalidArgument` before anything is kept, with `streamNotFound`, `aborted`, and refusals that stay.
   */
  async append(records: readonly RecordInput[], options: PrepareOptions): Promise<void> {
    checkArgument('records', records)
    checkOptions('append', options)
    const call = this.#begin(records, { ...options })
    return this.#run(call, options.signal, async () => {
      // At once where nothing is in the way, so that the order is that of the calls.
      if (!this.#hasRoom) await this.#roomFor(call)
      if (!call.isOver) this.#place(call)
    })
  }

  /**
   * Ends an append that a crash may have cut off: what of its records is stored stays, and what is not is stored. Give the plan that
   * was kept last and the same records; where their content is another, what is stored of the first run stands. Plans of one writer's
   * life are resumed in the order in which they were kept. Rejects as `append`.
   */
  async resume(plan: AppendPlan, records: readonly RecordInput[], options: PrepareOptions): Promise<void> {
    checkArgument('records', records)
    checkOptions('resume', options)
    const { streamId, parts } = readPlan(plan)
    if (streamId !== this.#dispatch.streamId) throw madeAgain(this.stream)
    const call = this.#begin(records, { ...options })
    return this.#run(call, options.signal, async () => {
      if (call.isOver) return
      const { batches, left } = layOutByPlan(call.records, parts, this.#layout)
      call.left = left
      const planned = parts.map((part, i) => ({ ...part, batches: batches[i]! }))
      this.#dispatch.placePlanned(call, planned, planned.every(isAsPlanned))
      await call.settled.catch(() => {})
    })
  }

  /** Ends it: calls under way reject with `aborted`, and may be resumed. */
  close(): Promise<void> {
    this.#end(closedError('The writer'))
    return Promise.resolve()
  }

  /** Ends it at once, with a reason. */
  abort(reason?: unknown): void {
    this.#end(new MillraceError('aborted', `The writer was ended. ${MAY_BE_STORED}`, { cause: reason }))
  }

  /** Closes it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #begin(records: readonly RecordInput[], { keep, signal }: PrepareOptions): PreparedCall {
    checkOption('keep', optionTable.append.keep, keep)
    if (this.#ended !== undefined) throw this.#ended
    throwIfAborted(signal)
    const { settings } = this.#dependencies
    const hashKeys = this.#hashKeys
    const call = new PreparedCall(new PreparedRecords([...records], { hashKeys, now: settings.clock() }), {
      streamId: this.#dispatch.streamId,
      keep,
      number: this.#callCount++,
      previous: this.#last,
      onOver: () => this.#over(call),
    })
    this.#last = call
    this.#calls.add(call)
    return call
  }

  /** Runs `place` in its turn, and settles as the call. */
  async #run(call: PreparedCall, signal: AbortSignal | undefined, place: () => Promise<void>): Promise<void> {
    const stop = signal && onAbort(signal, () => call.fail(abortedBy(signal, MAY_BE_STORED)))
    const placed = async () => {
      try {
        await place()
      } catch (error) {
        call.fail(error)
      }
    }
    const isNext = this.#waiting++ === 0
    const turn = isNext ? placed() : this.#turns.then(placed)
    this.#turns = turn.finally(() => this.#waiting--)
    try {
      await call.settled
    } finally {
      stop?.()
    }
  }

  #place(call: PreparedCall): void {
    const { records } = call
    this.#dispatch.place(
      call,
      Array.from({ length: records.length }, (_, index) => index),
    )
    if (records.length === 0) call.done()
  }

  get #hasRoom(): boolean {
    let bytes = 0
    for (const call of this.#calls) bytes += call.bytes
    return bytes < this.#bufferBytesMax
  }

  async #roomFor(call: PreparedCall): Promise<void> {
    while (!this.#hasRoom && !call.isOver) {
      this.#room ??= deferred<void>()
      await this.#room.promise
    }
  }

  #over(call: PreparedCall): void {
    this.#calls.delete(call)
    this.#dispatch.drop(call)
    this.#room?.resolve()
    this.#room = undefined
  }

  #end(error: MillraceError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#stopListening?.()
    this.#closing.abort(error)
    const reason =
      error.code === 'closed' ? new MillraceError('aborted', `${error.message} ${MAY_BE_STORED}`) : error
    for (const call of this.#calls) call.fail(reason)
    this.#dependencies.onClosed()
  }
}

/** Whether the records fall just as the plan says. */
function isAsPlanned({
  planned,
  batches,
}: KnownPart & { readonly batches: readonly PreparedBatch[] }): boolean {
  const counts = planned.batches.slice(planned.stored)
  return counts.length === batches.length && counts.every((count, i) => batches[i]!.indexes.length === count)
}
