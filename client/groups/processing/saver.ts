// Sends checkpoints to the broker: one request at a time, with the newest position of every shard that has moved meanwhile.
// Runs in the client. So a checkpoint after each record costs one number in memory, and requests are sent only as fast as the
// broker answers.
import { errorCodeOf, errorCodes } from '../../../protocol/error-codes.ts'
import { limits } from '../../../protocol/limits.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import type { WireCheckpoint } from '../../../protocol/operations.ts'
import { asMillraceError } from '../../errors.ts'
import { backoffMs, mayRepeat } from '../../retry.ts'
import type { Settings } from '../../settings.ts'
import { deferred, sleep, type Deferred } from '../../waiting.ts'
import type { SaveResult } from '../membership/membership.ts'
import type { LeasedShard } from './leased-shard.ts'

export interface SaverOptions {
  readonly save: (checkpoints: readonly WireCheckpoint[]) => Promise<readonly SaveResult[]>
  /** Called when the broker refuses a checkpoint for good. */
  readonly onRefused: (shard: LeasedShard, error: MillraceError) => void
  readonly settings: Pick<Settings, 'retry' | 'random'>
  /** Ends all waits. */
  readonly signal: AbortSignal
}

interface Wanted {
  next: number
  isEnd: boolean
  readonly waiters: { readonly next: number; readonly stored: Deferred<void> }[]
}

export class CheckpointSaver {
  readonly #options: SaverOptions
  readonly #wanted = new Map<LeasedShard, Wanted>()
  /** Checkpoints of the running request. */
  #sending = new Map<LeasedShard, Wanted>()
  #isRunning = false

  constructor(options: SaverOptions) {
    this.#options = options
  }

  /** Notes a checkpoint, which is stored soon. `isEnd` says that the shard is processed to its end. */
  note(shard: LeasedShard, next: number, isEnd = false): void {
    if (shard.isLost || (!isEnd && shard.stored !== undefined && next <= shard.stored)) return
    if (!isEnd && next <= (this.#sending.get(shard)?.next ?? -1)) return
    const wanted = this.#wanted.get(shard)
    if (wanted === undefined) this.#wanted.set(shard, { next, isEnd, waiters: [] })
    else {
      if (next > wanted.next) wanted.next = next
      wanted.isEnd ||= isEnd
    }
    if (!this.#isRunning) void this.#run()
  }

  /** Notes a checkpoint and fulfils when it is stored. Rejects with `leaseLost` if the member no longer has the shard. */
  async save(shard: LeasedShard, next: number, isEnd = false): Promise<void> {
    if (shard.isLost) throw leaseLost(shard)
    if (!isEnd && shard.stored !== undefined && next <= shard.stored) return
    const stored = deferred<void>()
    const sending = this.#sending.get(shard)
    // It is stored with what is under way, and the broker would refuse it after that: checkpoints move forward.
    if (!isEnd && sending !== undefined && next <= sending.next) {
      sending.waiters.push({ next, stored })
      return stored.promise
    }
    const wanted = this.#wanted.get(shard)
    if (wanted === undefined) this.#wanted.set(shard, { next, isEnd, waiters: [{ next, stored }] })
    else {
      if (next > wanted.next) wanted.next = next
      wanted.isEnd ||= isEnd
      wanted.waiters.push({ next, stored })
    }
    if (!this.#isRunning) void this.#run()
    return stored.promise
  }

  /** Fulfils when all noted checkpoints of the shard are stored; rejects if the member no longer has the shard. */
  async settled(shard: LeasedShard): Promise<void> {
    const wanted = this.#wanted.get(shard) ?? this.#sending.get(shard)
    if (wanted !== undefined) await this.save(shard, wanted.next, wanted.isEnd)
  }

  /** Forgets the checkpoints of a lost shard. */
  drop(shard: LeasedShard): void {
    const wanted = this.#wanted.get(shard)
    this.#wanted.delete(shard)
    for (const { stored } of wanted?.waiters ?? []) stored.reject(leaseLost(shard))
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true
    const { retry, random } = this.#options.settings
    const { signal } = this.#options
    let failures = 0
    while (this.#wanted.size > 0) {
      // Handlers that were answered together save again in the same turn: waiting one turn puts all that into one request.
      await new Promise((resolve) => setImmediate(resolve))
      if (signal.aborted) break
      const taken = [...this.#wanted].slice(0, limits.groupShardsPerRequestMax)
      if (taken.length === 0) break
      for (const [shard] of taken) this.#wanted.delete(shard)
      this.#sending = new Map(taken)
      const isStored = await this.#send(taken)
      this.#sending = new Map()
      failures = isStored ? 0 : failures + 1
      if (!isStored) await sleep(backoffMs(retry, failures - 1, random), signal).catch(() => {})
    }
    this.#isRunning = false
    if (signal.aborted) for (const shard of this.#wanted.keys()) this.drop(shard)
  }

  /** Returns false if some checkpoints could not be stored for now; they are sent again. */
  async #send(taken: readonly (readonly [LeasedShard, Wanted])[]): Promise<boolean> {
    const checkpoints = taken.map(([{ streamId, shardIndex, epoch }, { next, isEnd }]) => ({
      streamId,
      shardIndex,
      epoch,
      next,
      isEnd,
    }))
    let results: readonly SaveResult[]
    try {
      results = await this.#options.save(checkpoints)
    } catch (error) {
      const isForGood = !mayRepeat(error, true) && !this.#options.signal.aborted
      for (const [shard, wanted] of taken) {
        if (isForGood && !shard.isLost) this.#refused(shard, wanted, asMillraceError(error))
        else this.#putBack(shard, wanted)
      }
      return isForGood
    }
    let isStored = true
    for (const [i, [shard, wanted]] of taken.entries()) {
      const { code, message } = results[i] ?? { code: errorCodes.internal.id, message: 'no answer' }
      if (code === 0) this.#stored(shard, wanted)
      else {
        const error = new MillraceError(
          errorCodeOf(code),
          message ?? `The checkpoint was refused: ${errorCodeOf(code)}.`,
        )
        if (error.retry === 'never') this.#refused(shard, wanted, error)
        else {
          isStored = false
          this.#putBack(shard, wanted)
        }
      }
    }
    return isStored
  }

  #stored(shard: LeasedShard, { next, waiters }: Wanted): void {
    shard.stored = Math.max(shard.stored ?? 0, next)
    for (const { stored } of waiters) stored.resolve()
  }

  #refused(shard: LeasedShard, { waiters }: Wanted, error: MillraceError): void {
    for (const { stored } of waiters) stored.reject(error)
    this.#options.onRefused(shard, error)
  }

  #putBack(shard: LeasedShard, wanted: Wanted): void {
    if (shard.isLost) {
      for (const { stored } of wanted.waiters) stored.reject(leaseLost(shard))
      return
    }
    const newer = this.#wanted.get(shard)
    if (newer === undefined) this.#wanted.set(shard, wanted)
    else {
      newer.next = Math.max(newer.next, wanted.next)
      newer.isEnd ||= wanted.isEnd
      newer.waiters.unshift(...wanted.waiters)
    }
  }
}

export function leaseLost({ shardId, stream, epoch }: LeasedShard): MillraceError {
  const message = `${shardId} of ${JSON.stringify(stream)} is not the member's in epoch ${epoch} any more.`
  return new MillraceError('leaseLost', message)
}
