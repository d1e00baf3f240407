// Calls the handler until records are processed: retries with backoff, finds the record that fails, and decides about it.
// Runs in the client. Records of one call are processed in order: no record behind a failing one is handled before there is a
// decision about the failing one.
import { backoffMs } from '../../retry.ts'
import type { StreamRecord } from '../../record.ts'
import type { Settings } from '../../settings.ts'
import { errorFrom } from '../../errors.ts'
import { sleep } from '../../waiting.ts'
import type { GroupHandler, GroupSettings } from '../options.ts'
import { reportedText } from '../error-text.ts'
import { CallContext } from './context.ts'
import type { LeasedShard } from './leased-shard.ts'

/** The parts of the group that attempts use. */
export interface AttemptsOptions<T> {
  readonly shard: LeasedShard
  readonly handler: GroupHandler<T>
  readonly settings: Pick<GroupSettings, 'retry' | 'onPoison'>
  readonly client: Pick<Settings, 'encryption' | 'monotonic' | 'random' | 'log'>
  /** Called before and after each call of the handler; undefined if calls have no timeout. */
  readonly watch: { began(): object; ended(call: object): void } | undefined
  /** Waits while the group is paused or the lease is in doubt. Returns undefined if records may be handed out at once. */
  readonly gate: () => Promise<void> | undefined
  /** Called when the records of a call below this number are processed; fulfils when the checkpoint is stored. */
  readonly save: (records: readonly StreamRecord<T>[], next: number) => Promise<void>
  /** Called when records are processed or passed over. */
  readonly completed: (records: readonly StreamRecord<T>[], next: number) => void
  /** Puts a failed record into the dead letter stream. */
  readonly putAside: (record: StreamRecord<T>, failure: { error: Error; attempts: number }) => Promise<void>
  readonly events: {
    retrying(failure: { sequenceNumber: number; error: Error; attempt: number; delayMs: number }): void
    blocked(failure: { sequenceNumber: number; error: Error }): void
    passedOver(
      what: 'skipped' | 'deadLettered',
      place: { sequenceNumber: number; nextSequenceNumber: number; error: Error },
    ): void
  }
}

export class Attempts<T> {
  readonly #options: AttemptsOptions<T>

  constructor(options: AttemptsOptions<T>) {
    this.#options = options
  }

  /**
   * Processes records; `position` is the number after the last one. Returns true if all are processed, at once or as a
   * promise; false if the shard closes before that.
   */
  process(records: readonly StreamRecord<T>[], position: number): true | Promise<boolean> {
    const context = this.#contextOf(records, 1, position)
    const failure = this.#call(records, context)
    if (failure !== undefined) return this.#follow(records, position, context, failure)
    // A lost shard makes no progress: its new member handles these records again.
    if (this.#options.shard.isLost) return Promise.resolve(false)
    this.#options.completed(records, position)
    return true
  }

  /** Decides about records that cannot be read, without a call of the handler. Returns as `process` does. */
  async decideAbout(place: {
    sequenceNumber: number
    nextSequenceNumber: number
    error: Error
  }): Promise<boolean> {
    const { settings, shard, events, completed } = this.#options
    if (settings.onPoison === 'stop') {
      if (!(await this.#block(place.sequenceNumber, place.error))) return false
      if (shard.skipBelow < place.nextSequenceNumber) return this.decideAbout(place)
    } else {
      // Without a record there is nothing to put into a dead letter stream, so every other policy reports and skips.
      events.passedOver('skipped', place)
    }
    completed([], place.nextSequenceNumber)
    return true
  }

  /** Makes the last call, without records. */
  async finish(position: number): Promise<boolean> {
    const context = this.#contextOf([], 1, position, true)
    const failure = await this.#call([], context)
    return failure === undefined && !this.#options.shard.isLost
  }

  #contextOf(
    records: readonly StreamRecord<T>[],
    attempt: number,
    position: number,
    isLast = false,
  ): CallContext<T> {
    const { shard, client, save } = this.#options
    return new CallContext<T>({
      shard,
      records,
      attempt,
      position,
      isLast,
      monotonic: client.monotonic,
      save: (next) => save(records, next),
    })
  }

  /** Returns undefined if the call succeeds at once; else a promise of the error, or of undefined on success. */
  #call(
    records: readonly StreamRecord<T>[],
    context: CallContext<T>,
  ): Promise<Error | undefined> | undefined {
    const { handler, watch, shard } = this.#options
    const call = watch?.began()
    shard.records += records.length
    let result: void | Promise<void>
    try {
      result = handler(records, context)
    } catch (error) {
      if (call !== undefined) watch!.ended(call)
      return Promise.resolve(errorFrom(error))
    }
    if (result === undefined) {
      if (call !== undefined) watch!.ended(call)
      return undefined
    }
    return this.#outcomeOf(result, call)
  }

  async #outcomeOf(result: Promise<void>, call: object | undefined): Promise<Error | undefined> {
    const { shard, client, watch } = this.#options
    if (shard.calls++ === 0) shard.handlingSince = client.monotonic()
    try {
      await result
      return undefined
    } catch (error) {
      return errorFrom(error)
    } finally {
      if (--shard.calls === 0) shard.handlingSince = undefined
      if (call !== undefined) watch!.ended(call)
    }
  }

  async #follow(
    records: readonly StreamRecord<T>[],
    position: number,
    context: CallContext<T>,
    failure: Promise<Error | undefined>,
  ): Promise<boolean> {
    const { shard, completed } = this.#options
    const { signal } = context
    const error = await failure
    if (shard.isLost) return false
    if (error === undefined) {
      completed(records, position)
      return true
    }
    if (shard.isClosing) return false
    const rest = records.filter(({ sequenceNumber }) => sequenceNumber >= context.processedBelow)
    if (rest.length === 0) return true
    // A call that was told to end does not count as an attempt.
    return this.#retry(rest, position, { error, attempt: signal.aborted ? 0 : 1 })
  }

  async #retry(
    records: readonly StreamRecord<T>[],
    position: number,
    failed: { error: Error; attempt: number },
  ): Promise<boolean> {
    const { shard, settings, completed } = this.#options
    let { error, attempt } = failed
    let rest = records
    while (attempt < settings.retry.attempts) {
      if (!(await this.#pause(rest[0]!.sequenceNumber, error, attempt))) return false
      rest = rest.filter(({ sequenceNumber }) => sequenceNumber >= shard.skipBelow)
      if (rest.length === 0) break
      const context = this.#contextOf(rest, attempt + 1, position)
      const { signal } = context
      const again = await this.#call(rest, context)
      if (shard.isLost) return false
      if (again === undefined) {
        rest = []
        break
      }
      if (shard.isClosing) return false
      error = again
      if (!signal.aborted) attempt++
      rest = rest.filter(({ sequenceNumber }) => sequenceNumber >= context.processedBelow)
      if (rest.length === 0) break
    }
    shard.trouble = undefined
    if (rest.length === 0) {
      completed(records, position)
      return true
    }
    if (settings.onPoison === 'stop') {
      if (!(await this.#block(rest[0]!.sequenceNumber, error))) return false
      return this.#again(rest, position)
    }
    if (rest.length === 1) return this.#passOver(rest[0]!, position, { error, attempts: attempt })
    return this.#isolate(rest, position)
  }

  /** Begins again with the first attempt, after a decision. */
  async #again(records: readonly StreamRecord<T>[], position: number): Promise<boolean> {
    const rest = records.filter(({ sequenceNumber }) => sequenceNumber >= this.#options.shard.skipBelow)
    if (rest.length > 0) return this.process(rest, position)
    this.#options.completed(records, position)
    return true
  }

  /** Finds the failing records by halving. Records before each failing one are processed, in order. */
  async #isolate(records: readonly StreamRecord<T>[], position: number): Promise<boolean> {
    const middle = Math.ceil(records.length / 2)
    for (const part of [records.slice(0, middle), records.slice(middle)]) {
      const end = part.at(-1) === records.at(-1) ? position : part.at(-1)!.sequenceNumber + 1
      if (part.length === 1) {
        if (!(await this.process(part, end))) return false
        continue
      }
      if (this.#options.shard.isClosing) return false
      await this.#options.gate()
      const context = this.#contextOf(part, 1, end)
      const error = await this.#call(part, context)
      if (this.#options.shard.isLost) return false
      if (error === undefined) this.#options.completed(part, end)
      else if (!(await this.#isolate(part, end))) return false
    }
    return true
  }

  async #passOver(
    record: StreamRecord<T>,
    position: number,
    failure: { error: Error; attempts: number },
  ): Promise<boolean> {
    const { settings, putAside, events, completed } = this.#options
    const { onPoison, retry } = settings
    const { sequenceNumber } = record
    if (typeof onPoison === 'object') {
      for (let attempt = 1; ; attempt++) {
        try {
          await putAside(record, failure)
          break
        } catch (error) {
          const reason = new Error(
            `The record could not be put into ${JSON.stringify(onPoison.deadLetter)}: ${errorFrom(error).message}`,
            { cause: error },
          )
          if (!(await this.#pause(sequenceNumber, reason, Math.max(attempt, retry.attempts)))) return false
        }
      }
      this.#options.shard.trouble = undefined
      if (this.#options.shard.isLost) return false
    }
    const what = typeof onPoison === 'object' ? 'deadLettered' : 'skipped'
    events.passedOver(what, { sequenceNumber, nextSequenceNumber: sequenceNumber + 1, error: failure.error })
    completed([record], position)
    return true
  }

  #reported(error: Error): string {
    const { shard, client } = this.#options
    return reportedText(error, { isEncrypted: client.encryption?.isFor(shard.stream) === true })
  }

  /** Waits for the next attempt; returns false if the shard closes meanwhile. */
  async #pause(sequenceNumber: number, error: Error, attempt: number): Promise<boolean> {
    const { shard, settings, client, events, gate } = this.#options
    const delayMs = backoffMs(settings.retry, Math.max(0, attempt - 1), client.random)
    const detail = `Attempt ${attempt} failed: ${this.#reported(error)}`
    shard.trouble = {
      state: 'retrying',
      since: shard.trouble?.since ?? client.monotonic(),
      sequenceNumber,
      detail,
    }
    events.retrying({ sequenceNumber, error, attempt, delayMs })
    try {
      await sleep(delayMs, shard.closing)
    } catch {
      return false
    }
    await gate()
    return !shard.isClosing
  }

  /** Blocks the shard until there is a decision; returns false if the shard closes meanwhile. */
  async #block(sequenceNumber: number, error: Error): Promise<boolean> {
    const { shard, client, events } = this.#options
    const detail = `All attempts failed: ${this.#reported(error)}`
    const trouble = { state: 'blocked', since: client.monotonic(), sequenceNumber, detail } as const
    shard.trouble = trouble
    events.blocked({ sequenceNumber, error })
    await shard.blocked()
    if (shard.trouble === trouble) shard.trouble = undefined
    return !shard.isClosing
  }
}
