// The work on one leased shard, from the first batch to its release: takes batches that have arrived, processes them in order
// or in lanes of keys, and notes the progress. Runs in the client. Begun calls finish before the shard is given back, so a
// planned hand-over delivers no record twice.
import { arrivalTimeAt } from '../../../protocol/batch/batch.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { BatchOpener } from '../../../protocol/batch/record.ts'
import type { Codec } from '../../codecs.ts'
import type { Decryption } from '../../encryption/decryption.ts'
import type { ArrivedBatch } from '../../reading/inbox.ts'
import { errorFrom } from '../../errors.ts'
import { errorText } from '../error-text.ts'
import { sleep } from '../../waiting.ts'
import type { GiveBacks } from './give-backs.ts'
import { recordsOf } from '../../reading/record-iterator.ts'
import { isUnreadable } from '../../reading/unreadable.ts'
import type { StreamRecord } from '../../record.ts'
import { groupLimits, type GroupSettings } from '../options.ts'
import { Attempts, type AttemptsOptions } from './attempts.ts'
import { KeyLanes, type LaneEntry, type LaneRun } from './key-lanes.ts'
import type { LeasedShard } from './leased-shard.ts'
import type { CheckpointSaver } from './saver.ts'
import type { ShardFeed } from './shard-feed.ts'

export interface ShardWorkOptions<T> extends Omit<
  AttemptsOptions<T>,
  'shard' | 'save' | 'completed' | 'settings'
> {
  readonly feed: ShardFeed
  readonly settings: GroupSettings
  readonly codec: Codec<never, T>
  readonly decryption: Decryption
  readonly saver: CheckpointSaver
  readonly giveBacks: GiveBacks
}

/** Consecutive records, and the number after the last one. */
interface Batch<T> {
  readonly records: readonly StreamRecord<T>[]
  readonly position: number
  /** Bytes of the arrived batch. */
  readonly bytes?: number
}

/** Records that cannot be read. */
interface Gap {
  readonly sequenceNumber: number
  readonly nextSequenceNumber: number
  readonly error: MillraceError
}

interface LockedBatch {
  readonly arrived: ArrivedBatch
  readonly opener: BatchOpener | Promise<BatchOpener>
}

export type WorkOutcome = 'ended' | 'released' | 'lost'

export class ShardWork<T> {
  readonly #options: ShardWorkOptions<T>
  readonly #shard: LeasedShard
  readonly #attempts: Attempts<T>
  /** Records of the last taken batch that were not handed out. */
  #rest: Batch<T> | undefined
  #gap: Gap | undefined
  /** A batch that was taken and whose key is being asked for, and then what opens it. */
  #locked: LockedBatch | undefined
  /** The handler has returned for all records below this number. */
  #handled: number | undefined
  #bytesThisTurn = 0

  constructor(options: ShardWorkOptions<T>) {
    this.#options = options
    this.#shard = options.feed.shard
    this.#attempts = this.#attemptsWith({
      save: (_, next) => options.saver.save(this.#shard, next),
      completed: (_, next) => this.#completed(next),
    })
  }

  /** Fulfils when the shard is given back. Never rejects. */
  async run(): Promise<WorkOutcome> {
    const shard = this.#shard
    const { giveBacks } = this.#options
    try {
      const outcome = await this.#process()
      if (outcome !== 'lost') giveBacks.over(shard)
      return outcome
    } catch (error) {
      const isLost = MillraceError.is(error, 'leaseLost') || MillraceError.is(error, 'memberNotFound')
      if (!isLost && !shard.isLost) await this.#keep(errorFrom(error))
      return isLost || shard.isLost ? 'lost' : 'released'
    }
  }

  /** Says why the shard cannot be gone on with, and keeps it for a while, unless it closes. */
  async #keep(error: Error): Promise<void> {
    const shard = this.#shard
    const { client, giveBacks } = this.#options
    const { stream, shardId } = shard
    const delayMs = giveBacks.keptMs(shard)
    shard.isEnding = false
    const message = 'a shard of a group cannot be gone on with, and is given back later'
    client.log({ level: 'warn', message, stream, shardId, delayMs, error })
    const [since, sequenceNumber] = [client.monotonic(), shard.stored]
    shard.trouble = { state: 'retrying', since, sequenceNumber, detail: errorText(error) }
    await sleep(delayMs, shard.closing).catch(() => {})
  }

  async #process(): Promise<WorkOutcome> {
    const shard = this.#shard
    const { saver, settings } = this.#options
    const isThrough = settings.concurrency > 1 ? await this.#inLanes() : await this.#inOrder()
    if (shard.isLost) return 'lost'
    if (settings.checkpoint === 'manual' && this.#handled !== undefined) {
      const isFinished = await this.#attempts.finish(this.#handled)
      if (shard.isLost) return 'lost'
      if (!isFinished) return await this.#release()
    }
    // A last call that the shard's closing cut short has not processed what it held: the next member sees to the end.
    if (!isThrough || (settings.checkpoint === 'manual' && shard.isClosing)) return await this.#release()
    shard.isEnding = true
    await saver.save(shard, shard.cursor?.next ?? shard.stored ?? 0, true)
    return 'ended'
  }

  async #release(): Promise<WorkOutcome> {
    await this.#options.saver.settled(this.#shard)
    return 'released'
  }

  #attemptsWith(own: Pick<AttemptsOptions<T>, 'save' | 'completed'>): Attempts<T> {
    return new Attempts({ ...this.#options, ...own, shard: this.#shard })
  }

  #completed(next: number): void {
    const { checkpoint } = this.#options.settings
    this.#handled = next
    if (checkpoint !== 'manual') this.#options.saver.note(this.#shard, next)
  }

  /** Returns true if the shard was processed to its end, false if it is given back before. */
  async #inOrder(): Promise<boolean> {
    const { gate, settings } = this.#options
    const shard = this.#shard
    for (;;) {
      const next = await this.#next()
      if (next === undefined) return this.#options.feed.isEnded && !shard.isClosing
      const wait = gate()
      if (wait !== undefined) await wait
      if (shard.isClosing) return false
      if ('error' in next) {
        if (!(await this.#attempts.decideAbout(next))) return false
      } else if (next.records.length === 0) this.#completed(next.position)
      else if (settings.checkpoint === 'record') {
        if (!(await this.#oneByOne(next))) return false
      } else {
        const done = this.#attempts.process(next.records, next.position)
        if (done !== true && !(await done)) return false
      }
      await this.#turn()
    }
  }

  async #oneByOne({ records, position }: Batch<T>): Promise<boolean> {
    const { gate } = this.#options
    const last = records.length - 1
    for (const [i, record] of records.entries()) {
      const wait = gate()
      if (wait !== undefined) await wait
      if (this.#shard.isClosing) return false
      const end = i === last ? position : record.sequenceNumber + 1
      if (record.sequenceNumber < this.#shard.skipBelow) {
        this.#completed(end)
        continue
      }
      const done = this.#attempts.process([record], end)
      if (done !== true && !(await done)) return false
    }
    return true
  }

  async #inLanes(): Promise<boolean> {
    const { settings, feed, gate } = this.#options
    const shard = this.#shard
    const runMax = settings.checkpoint === 'record' ? 1 : settings.batchRecordsMax
    let lanes: KeyLanes<StreamRecord<T>> | undefined
    let arriving: Promise<void> | undefined
    let isDry = false
    let isStuck = false
    let gap: Gap | undefined
    /** All records below it are skipped, or in lanes. */
    let passed: number | undefined
    const running = new Set<Promise<void>>()
    const arrive = async (): Promise<void> => {
      const next = await this.#next()
      if (next === undefined) isDry = true
      else if ('error' in next) gap = next
      else if (next.records.length === 0) passed = next.position
      else {
        passed = undefined
        lanes ??= new KeyLanes({
          lanes: settings.concurrency,
          runMax,
          next: next.records[0]?.sequenceNumber ?? 0,
        })
        admit(lanes, next)
      }
      arriving = undefined
    }
    const begin = (entries: LaneRun<StreamRecord<T>>): void => {
      const work = this.#lane(lanes!, entries).then((isDone) => {
        isStuck ||= !isDone
        running.delete(work)
      })
      running.add(work)
    }
    for (;;) {
      if (shard.isClosing) lanes?.trim()
      const wait = gate()
      if (wait !== undefined && !shard.isClosing) await wait
      if (shard.isLost) return false
      for (let run = isStuck ? undefined : lanes?.start(); run !== undefined; run = lanes!.start()) begin(run)
      const size = lanes?.size ?? 0
      if (passed !== undefined && size === 0 && !isStuck) {
        this.#completed(passed)
        passed = undefined
      }
      if (
        running.size === 0 &&
        (isStuck || (size === 0 && (shard.isClosing || (isDry && gap === undefined))))
      ) {
        return !isStuck && !shard.isClosing && feed.isEnded
      }
      if (gap !== undefined && size === 0) {
        if (!(await this.#attempts.decideAbout(gap))) return false
        gap = undefined
      }
      const hasRoom = size < settings.batchRecordsMax && gap === undefined && !isDry && !shard.isClosing
      if (hasRoom) arriving ??= arrive()
      const awaited = arriving === undefined ? [...running] : [...running, arriving]
      if (awaited.length > 0) await Promise.race(awaited)
      await this.#turn()
    }
  }

  /** Processes the records of one lane; returns false if not all are processed. */
  async #lane(lanes: KeyLanes<StreamRecord<T>>, run: LaneRun<StreamRecord<T>>): Promise<boolean> {
    const { saver } = this.#options
    const { skipBelow } = this.#shard
    const records = run
      .map(({ record }) => record)
      .filter(({ sequenceNumber }) => sequenceNumber >= skipBelow)
    const complete = (isOver: (entry: LaneEntry<StreamRecord<T>>) => boolean): void => {
      for (const entry of run) if (isOver(entry)) lanes.complete(entry)
    }
    const attempts = this.#attemptsWith({
      completed: (_, next) => {
        complete(({ record }) => record.sequenceNumber < next)
        saver.note(this.#shard, lanes.next)
      },
      save: (_, next) => {
        complete(({ record }) => record.sequenceNumber < next)
        return saver.save(this.#shard, lanes.next)
      },
    })
    const { next } = run.at(-1)!
    let isDone = true
    if (records.length > 0) isDone = await attempts.process(records, next)
    else {
      complete(() => true)
      saver.note(this.#shard, lanes.next)
    }
    lanes.finish(run)
    return isDone
  }

  /** Returns the records of the next call (none, if all are skipped), or a gap; undefined if no more come. */
  async #next(): Promise<Batch<T> | Gap | undefined> {
    const { inbox } = this.#options.feed
    for (;;) {
      if (this.#shard.isClosing) return undefined
      const found = this.#take()
      if (found !== undefined) return found
      if (this.#locked !== undefined) await this.#unlock(this.#locked)
      else if (!(await inbox.wait())) return undefined
    }
  }

  #take(): Batch<T> | Gap | undefined {
    const { batchRecordsMax } = this.#options.settings
    const parts: (readonly StreamRecord<T>[])[] = []
    let count = 0
    let position = 0
    let bytes = 0
    while (count < batchRecordsMax && bytes < groupLimits.callBytes && this.#gap === undefined) {
      const taken = this.#rest ?? this.#decode()
      if (taken === undefined) break
      const rest = from(this.#shard.skipBelow, taken)
      this.#rest = undefined
      bytes += rest.bytes ?? 0
      const room = batchRecordsMax - count
      const isWhole = rest.records.length <= room
      const some = isWhole ? rest.records : rest.records.slice(0, room)
      position = isWhole ? rest.position : some.at(-1)!.sequenceNumber + 1
      if (!isWhole) this.#rest = { records: rest.records.slice(room), position: rest.position }
      if (some.length > 0) parts.push(some)
      count += some.length
    }
    if (count > 0) {
      this.#bytesThisTurn += bytes
      return { records: parts.length === 1 ? parts[0]! : parts.flat(), position }
    }
    const gap = this.#gap
    this.#gap = undefined
    return gap ?? (position > 0 ? { records: [], position } : undefined)
  }

  /** Waits for the key of a batch. Rejects if the provider fails for long: the shard is then given back, and begun again. */
  async #unlock({ arrived, opener }: LockedBatch): Promise<void> {
    try {
      this.#locked = { arrived, opener: await opener }
    } catch (error) {
      if (!this.#shard.isClosing) throw error
    }
  }

  /**
   * Decodes the next arrived batch. Returns undefined if there is none, or if its key has to be waited for, or if it cannot be
   * read, and then sets the gap.
   */
  #decode(): Batch<T> | undefined {
    const { feed, codec, decryption } = this.#options
    const shard = this.#shard
    const arrived = this.#locked?.arrived ?? feed.inbox.take()
    if (arrived === undefined) return undefined
    const opener = this.#locked?.opener ?? decryption.openerOf(arrived.batch, shard.closing)
    this.#locked = typeof opener === 'function' ? undefined : { arrived, opener }
    if (typeof opener !== 'function') {
      // A handler may run until nobody awaits it any more. Node ends a process for a rejection that nobody takes.
      opener.catch(() => {})
      return undefined
    }
    try {
      const records = recordsOf(arrived, codec, opener)
      const bytes = arrived.batch.length
      shard.bytes += bytes
      arrived.cursor.lag.handOut(arrivalTimeAt(arrived.batch, 0), 0)
      arrived.cursor.endBatch(arrived.next)
      return { records, position: arrived.next, bytes }
    } catch (error) {
      if (!MillraceError.is(error)) throw error
      if (!isUnreadable(error) && arrived.error === undefined) throw error
      this.#gap = { sequenceNumber: arrived.from, nextSequenceNumber: arrived.next, error }
      return undefined
    }
  }

  /** Gives the event loop a turn now and then: handlers that return at once would block the rest of the process. */
  async #turn(): Promise<void> {
    if (this.#bytesThisTurn < groupLimits.turnBytes) return
    this.#bytesThisTurn = 0
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Returns the batch without the records that are skipped. */
function from<T>(skipBelow: number, batch: Batch<T>): Batch<T> {
  const { records } = batch
  if (records[0] === undefined || records[0].sequenceNumber >= skipBelow) return batch
  return { ...batch, records: records.filter(({ sequenceNumber }) => sequenceNumber >= skipBelow) }
}

function admit<T>(lanes: KeyLanes<StreamRecord<T>>, { records, position }: Batch<T>): void {
  const last = records.length - 1
  for (const [i, record] of records.entries()) {
    lanes.admit(record.partitionKey, record, i === last ? position : record.sequenceNumber + 1)
  }
}
