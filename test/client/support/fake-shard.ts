// One shard of the fake broker: its batches in an array, under the decisions of the broker itself. The host's part is a
// HostedShard, and the owner's the tables that stand in an owner's memory; only what they would write is not written.
import type { Identity } from '../../../broker/access/identity.ts'
import { resolvePosition } from '../../../broker/host/read/positions.ts'
import type { ResolvedPosition } from '../../../broker/host/read/positions.ts'
import type { Outflow } from '../../../broker/host/read/outflow.ts'
import type { BatchRun, Room } from '../../../broker/host/tail/batch-run.ts'
import { fits } from '../../../broker/host/tail/batch-run.ts'
import { refused, stored } from '../../../broker/host/append/append-answer.ts'
import { payloadBytesAt } from '../../../protocol/batch/payload.ts'
import type { ProducerProofs } from '../../../broker/host/append/producer-proofs.ts'
import { HostedShard } from '../../../broker/host/shards/hosted-shard.ts'
import { placedShard } from '../../../broker/control/routing.ts'
import type { Shard, Stream } from '../../../broker/control/catalog-state.ts'
import { CommitPlan } from '../../../broker/storage/append/commit-plan.ts'
import { PendingAppend } from '../../../broker/storage/append/pending-append.ts'
import { ShardTable } from '../../../broker/storage/append/shard-table.ts'
import { checkBatches, stageBatches } from '../../../broker/storage/append/staging.ts'
import {
  arrivalTimeAt,
  baseSequenceNumberAt,
  batchWithin,
  checkBatchHeader,
  errorCodeOf,
  errorCodes,
  hashKeyFromHex,
  noShardLimits,
  readBatchHeader,
  recordCountAt,
  type AppendResult,
  type ErrorCode,
  type HashKeyRange,
  type Position,
  type ShardLimits,
} from '../../../protocol/index.ts'
import type { Damage } from '../../../protocol/structs.ts'

/** Whose append it is. */
export interface FakePeer {
  readonly id: number
  readonly remote: string
  readonly identity: Identity
}

const NOBODY = { tag: 0, openTag: 0, holder: 0, address: 0, most: 0 }

export class FakeShard {
  readonly index: number
  readonly range: HashKeyRange
  readonly parents: readonly number[]
  hostId: number
  /** As the catalog says. */
  state: 'OPEN' | 'CLOSED' = 'OPEN'
  /** Expired altogether: nobody knows of it any more. */
  isGone = false
  /** What its host knows of it. */
  readonly hosted: HostedShard
  readonly batches: Uint8Array[] = []
  /** Records that its disk does not give back: they are told of by name. */
  readonly damaged: Damage[] = []
  /** Appends and fetches that were refused because its limits were used up. */
  throttled = 0
  readonly #table = new ShardTable({ elapsed: () => performance.now() })
  readonly #plan = new CommitPlan()

  constructor(stream: Stream, shard: Shard) {
    const { index, startingSequenceNumber } = shard
    this.index = index
    this.range = { start: hashKeyFromHex(shard.startingHashKey), end: hashKeyFromHex(shard.endingHashKey) }
    this.parents = shard.parents
    this.hostId = shard.ownerId + 1
    const placed = placedShard(stream, { ...shard, shardIndex: index, children: [] })
    this.#table.open({ slot: placed.slot, startingSequenceNumber })
    this.hosted = new HostedShard(placed, this.#table.extent(placed.slot))
  }

  get tail(): number {
    return this.hosted.tail
  }

  get trimHorizon(): number {
    return this.hosted.trimHorizon
  }

  /** Takes no more records, while the routing does not tell of it yet. */
  get isSealed(): boolean {
    return this.hosted.closed && this.state === 'OPEN'
  }

  /** Takes no more records. */
  seal(): void {
    if (this.hosted.closed) return
    const { slot } = this.hosted
    this.#table.seal([slot], this.#plan)
    this.#plan.clear()
    this.hosted.close(this.#table.extent(slot))
  }

  /** What it takes and gives from now on. */
  limitTo(shardLimits: Partial<ShardLimits>): void {
    const limits = { ...noShardLimits, ...shardLimits }
    this.hosted.applySettings({ ...this.hosted.settings, shardLimits: limits }, performance.now())
  }

  /** As its host does: what it refuses does not come to the owner, and what is not stored costs nothing. */
  async append(
    sent: { batch: Uint8Array; producerSecret: Uint8Array | undefined },
    by: { peer: FakePeer; proofs: ProducerProofs; now: number },
  ): Promise<AppendResult> {
    const { batch } = sent
    const { rangeStart, rangeEnd, writeThrottle, closed } = this.hosted
    const fault = checkBatchHeader(batch)
    if (fault !== undefined) return refused(fault.code, fault.message)
    if (!batchWithin(batch, rangeStart, rangeEnd)) return refusal('hashKeyOutOfRange')
    const proven = by.proofs.producerOf(by.peer, batch, sent.producerSecret)
    if (proven === undefined) return refusal('producerUnproven')
    const cost = [payloadBytesAt(batch, 0), recordCountAt(batch, 0)] as const
    if (writeThrottle !== undefined && !closed) {
      const usedUp = writeThrottle.usedUp(performance.now())
      if (usedUp !== undefined) {
        this.throttled++
        return refusal('provisionedThroughputExceeded', usedUp.waitMs)
      }
      writeThrottle.take(...cost, performance.now())
    }
    const before = this.batches.length
    const outcome = this.#stage(batch, proven, by.now)
    if (this.batches.length === before && !closed) writeThrottle?.give(...cost)
    const [code, base, arrivalTime] = (await outcome).results
    return code === 0 ? stored(base!, arrivalTime!) : refusal(errorCodeOf(code!))
  }

  /** Stores a batch of nobody, unlooked at: it may be one that no broker would take any more. */
  store(batch: Uint8Array, now: number): void {
    const append = this.#pending(batch, NOBODY, now)
    void this.#settle(append)
    if (append.isRefused(0)) throw new Error(`shard ${this.index} took no batch`)
  }

  /** As its owner does. */
  #stage(batch: Uint8Array, proven: typeof NOBODY, now: number): PendingAppend['outcome'] {
    const append = this.#pending(batch, proven, now)
    checkBatches(append)
    return this.#settle(append)
  }

  #pending(
    batch: Uint8Array,
    { tag, openTag, holder, address, most }: typeof NOBODY,
    now: number,
  ): PendingAppend {
    const arena = new Uint8Array(batch).buffer
    const entries = Float64Array.of(
      this.hosted.slot,
      0,
      arena.byteLength,
      tag,
      holder,
      address,
      openTag,
      most,
    )
    return new PendingAppend({ arena, entries, now })
  }

  #settle(append: PendingAppend): PendingAppend['outcome'] {
    stageBatches(append, { table: this.#table, plan: this.#plan, isFull: false })
    if (this.#plan.batchCount > 0) this.#show(append.batches[0]!)
    this.#plan.clear()
    append.settle()
    return append.outcome
  }

  #show(batch: Uint8Array): void {
    this.batches.push(batch)
    const [base, recordCount] = [baseSequenceNumberAt(batch, 0), recordCountAt(batch, 0)]
    this.hosted.advance({ base, recordCount, length: batch.length, arrivalTime: arrivalTimeAt(batch, 0) })
  }

  /** Forgets every producer, as a broker does with those it has not heard of for long. */
  forgetProducers(): void {
    this.#table.opened(this.hosted.slot)!.producers = undefined
  }

  /** What can be read from a number on, up to where something cannot. */
  read(from: number, room: Room): BatchRun {
    const batches: Uint8Array[] = []
    const run = { bytes: 0, next: from, arrivalTime: 0 }
    for (const batch of this.batches) {
      if (endOf(batch) <= run.next) continue
      if (this.damageAt(run.next) !== undefined || !fits(room, run.bytes, batch.length)) break
      batches.push(batch)
      run.bytes += batch.length
      run.next = endOf(batch)
      run.arrivalTime = arrivalTimeAt(batch, 0)
    }
    return { ...run, batches }
  }

  damageAt(number: number): Damage | undefined {
    return this.damaged.find((each) => each.firstSequenceNumber <= number && number < each.nextSequenceNumber)
  }

  /** Forgets the records below a number. */
  trim(horizon: number): void {
    this.hosted.raiseHorizon(horizon)
    while (this.batches.length > 0 && endOf(this.batches[0]!) <= horizon) this.batches.shift()
  }

  resolve(position: Position): Promise<ResolvedPosition> {
    const seek = (_: HostedShard, timestamp: number) => {
      const found = this.batches.find((batch) => readBatchHeader(batch).arrivalTime >= timestamp)
      return Promise.resolve(found === undefined ? this.tail : baseSequenceNumberAt(found, 0))
    }
    const reads = { refreshHorizon: () => Promise.resolve(), seek }
    return resolvePosition(this.hosted, position, reads, noOutflow)
  }
}

/** Only handed on to `seek`. */
const noOutflow = {} as Outflow

export function endOf(batch: Uint8Array): number {
  return baseSequenceNumberAt(batch, 0) + recordCountAt(batch, 0)
}

export function refusal(code: ErrorCode, retryAfterMs?: number): AppendResult {
  return refused(code, `the fake refuses: ${code}, ${errorCodes[code].doc}`, retryAfterMs)
}
