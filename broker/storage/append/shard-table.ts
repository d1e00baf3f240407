// All shards and producers of one owner, in memory. Runs on the owner thread. Read from the active segment alone, so a
// start costs the same however many segments are sealed. Read again after a failed commit.
import { invariant } from '../../../protocol/invariant.ts'
import type { OwnedShard, ShardExtent, ShardHorizon } from '../../threads/owner-contract.ts'
import { allRows } from '../rows/all-rows.ts'
import type { CommitPlan } from './commit-plan.ts'
import type { Environment, Row, Writer } from '../environment.ts'
import {
  decodeKey,
  decodeRow,
  encodeKey,
  encodeRow,
  type HeadRow,
  type ProducerRow,
} from '../rows/key-space.ts'
import type { ProducerBatch, WindowEntry } from './producer-decision.ts'
import type { ProducerOrigin } from './producer-shares.ts'
import { producerRow, ProducerTable, type Producer } from './producer-table.ts'
import { readShardHeads, type OpenBefore } from './shard-heads.ts'
import { ShardLog } from './shard-log.ts'
import { countOf, nounFor } from '../../../protocol/text/count-text.ts'
import { systemTime, type Clock } from '../../time.ts'

/** Stored as the head of a refused shard: a damaged value, so that every later start refuses the shard, too. */
const NO_HEAD = Uint8Array.of(0)

/** A producer's batch, with its holder and address. */
export interface ProvenBatch extends ProducerBatch, ProducerOrigin {
  readonly producerId: number
}

export interface ShardTableOptions {
  readonly producersMax?: number
  /** A monotonic clock, in milliseconds. */
  readonly elapsed?: Clock
}

export class ShardTable {
  readonly #logs = new Map<number, ShardLog>()
  readonly #producers: ProducerTable
  /** Slots of shards whose tail is unknown: they take no appends. */
  readonly #refused = new Set<number>()
  readonly #damage: string[] = []

  constructor(options: ShardTableOptions = {}) {
    this.#producers = new ProducerTable({
      elapsed: options.elapsed ?? systemTime.elapsed,
      ...(options.producersMax !== undefined && { max: options.producersMax }),
      onForget: ({ slot, producerId }) => this.#logs.get(slot)?.producers?.delete(producerId),
    })
  }

  /** Reads the state of all shards from the active segment, and stores rebuilt heads in it. */
  static async load(
    active: Environment,
    options: ShardTableOptions & { openBefore: OpenBefore; now: number },
  ): Promise<ShardTable> {
    const table = new ShardTable(options)
    const { heads, rebuilt, refused } = await readShardHeads(active, options.openBefore)
    for (const [slot, head] of heads) table.#logs.set(slot, ShardLog.fromHead(slot, head))
    for (const slot of refused) table.#refuse(slot)
    for (const slot of rebuilt.keys()) {
      table.#damage.push(`The head of slot ${slot} was damaged and was put together again from its batches.`)
    }
    // Readers use the heads, too.
    if (rebuilt.size > 0)
      await putRows(
        active,
        [...rebuilt].map(([slot, head]) => headRow(slot, head)),
      )
    table.#loadProducers(active, options.now)
    return table
  }

  #refuse(slot: number): void {
    this.#refused.add(slot)
    this.#damage.push(
      `The head of slot ${slot} is damaged, and so is what would tell of it: it is not served.`,
    )
  }

  /** `now` is the wall clock at the start, and gives how long each producer was idle. */
  #loadProducers(environment: Environment, now: number): void {
    const found: { slot: number; producerId: number; row: ProducerRow }[] = []
    let dropped = 0
    for (const { key, value } of allRows(environment, 'producer')) {
      const row = decodeRow('producer', key, value)
      // A damaged producer row is forgotten, as if idle: the producer's next batch is refused as out of order, and it
      // must begin again from 0. Only a retry of its very first batch would pass for a new producer's and be stored
      // twice.
      if (row === undefined) dropped++
      else found.push({ ...decodeKey('producer', key), row })
    }
    if (dropped > 0)
      this.#damage.push(
        `Rows of producers are damaged: ${countOf(dropped, 'producer')} ${nounFor(dropped, 'is', 'are')} forgotten.`,
      )
    // In the order of use, because the first ones are forgotten if there are too many.
    for (const { slot, producerId, row } of found.toSorted((a, b) => a.row.usedAt - b.row.usedAt)) {
      const log = this.#logs.get(slot)
      if (log === undefined || log.isForgotten) continue
      const producer = this.#producers.load(slot, producerId, { row, idleMs: now - row.usedAt })
      producersOf(log).set(producerId, producer)
    }
  }

  /** Sentences about the damage found while loading. */
  get damage(): readonly string[] {
    return this.#damage
  }

  /** True if the active segment holds no batch, so that a roll would gain nothing. */
  get activeIsEmpty(): boolean {
    for (const log of this.#logs.values()) if (log.batches > 0) return false
    return true
  }

  /**
   * Opens a shard for appends. Returns false for a forgotten shard, because slots are never used again, and for a
   * refused one.
   */
  open({ slot, startingSequenceNumber }: OwnedShard): boolean {
    if (this.#refused.has(slot)) return false
    let log = this.#logs.get(slot)
    if (log === undefined) this.#logs.set(slot, (log = new ShardLog(slot, startingSequenceNumber)))
    if (log.isForgotten) return false
    log.startAt(startingSequenceNumber)
    log.isOpen = true
    return true
  }

  /** The shard, if the host serves it. It takes appends unless it is closed. */
  opened(slot: number): ShardLog | undefined {
    const log = this.#logs.get(slot)
    return log?.isOpen ? log : undefined
  }

  extent(slot: number): ShardExtent {
    const log = this.#logs.get(slot)
    invariant(log, `slot ${slot} is not known to its owner`)
    const {
      tail,
      trimHorizon,
      lastArrival: lastArrivalTime,
      bytes,
      first: activeFirst,
      isClosed: closed,
    } = log
    return { slot, trimHorizon, tail, lastArrivalTime, bytes, activeFirst, closed }
  }

  /** True if the owner can remember one more producer of that origin. */
  admitsProducer(origin: ProducerOrigin): boolean {
    return this.#producers.admits(origin)
  }

  get producerCount(): number {
    return this.#producers.size
  }

  /** Notes a producer's newest stored batch, and adds the producer if its id is unknown. */
  storeProducer(log: ShardLog, batch: ProvenBatch, stored: Pick<WindowEntry, 'base' | 'arrival'>): Producer {
    const producers = producersOf(log)
    let producer = producers.get(batch.producerId)
    if (producer === undefined) {
      producer = this.#producers.add(log.slot, batch.producerId, batch)
      producers.set(batch.producerId, producer)
    }
    this.#producers.store(producer, batch, stored)
    return producer
  }

  /** Marks shards as forgotten: their records are no longer wanted. */
  forget(slots: readonly number[], plan: CommitPlan): void {
    for (const slot of slots) {
      const log = this.#logs.get(slot) ?? this.#acceptAgain(slot)
      if (log === undefined || log.isForgotten) continue
      for (const producer of log.producers?.values() ?? []) this.#producers.remove(producer)
      log.producers = undefined
      log.isOpen = false
      log.isForgotten = true
      plan.addLog(log)
    }
  }

  /** Closes shards for ever. Returns the slots that are closed now: all except unknown and refused ones. */
  seal(slots: readonly number[], plan: CommitPlan): number[] {
    const logs = slots.map((slot) => this.#live(slot)).filter((log) => log !== undefined)
    for (const log of logs.filter(({ isClosed }) => !isClosed)) {
      log.isClosed = log.hasHead = true
      plan.addLog(log)
    }
    return logs.map(({ slot }) => slot)
  }

  /** Raises trim horizons. Shards that are forgotten, or never stored anything, have nothing to trim. */
  trim(horizons: readonly ShardHorizon[], plan: CommitPlan): void {
    for (const { slot, trimHorizon } of horizons) {
      const log = this.#live(slot)
      invariant(
        log === undefined || trimHorizon <= log.tail,
        `slot ${slot} was to be trimmed up to ${trimHorizon}; its tail is ${log?.tail}`,
      )
    }
    for (const { slot, trimHorizon } of horizons) {
      const log = this.#live(slot)
      if (log === undefined || trimHorizon <= log.trimHorizon) continue
      log.trimHorizon = trimHorizon
      plan.addLog(log)
    }
  }

  /** What may still be read: every shard that is not forgotten, and the refused slots. */
  wanted(): { shards: ShardHorizon[]; refused: number[] } {
    const live = [...this.#logs.values()].filter(({ isForgotten }) => !isForgotten)
    return {
      shards: live.map(({ slot, trimHorizon }) => ({ slot, trimHorizon })),
      refused: [...this.#refused],
    }
  }

  #live(slot: number): ShardLog | undefined {
    const log = this.#logs.get(slot)
    return log?.isForgotten ? undefined : log
  }

  /** A refused shard can be forgotten like any other: then its tail does not matter. */
  #acceptAgain(slot: number): ShardLog | undefined {
    if (!this.#refused.delete(slot)) return undefined
    const log = new ShardLog(slot, 0)
    this.#logs.set(slot, log)
    return log
  }

  /** Writes everything that is still wanted as the first rows of a new segment, and continues there. */
  async carryInto(environment: Environment): Promise<void> {
    const rows: Row[] = []
    for (const log of this.#logs.values()) {
      if (log.isForgotten) {
        this.#logs.delete(log.slot)
        continue
      }
      log.roll()
      if (log.hasHead) rows.push(headRow(log.slot, log.head()))
    }
    for (const slot of this.#refused) rows.push({ key: encodeKey('head', slot), value: NO_HEAD })
    for (const producer of this.#producers) rows.push(carriedProducer(producer))
    await putRows(environment, rows)
  }
}

function headRow(slot: number, head: HeadRow): Row {
  const key = encodeKey('head', slot)
  return { key, value: encodeRow('head', key, head) }
}

function carriedProducer(producer: Producer): Row {
  const key = encodeKey('producer', producer.slot, producer.producerId)
  return { key, value: encodeRow('producer', key, producerRow(producer)) }
}

async function putRows(environment: Environment, rows: readonly Row[]): Promise<void> {
  const write = (writer: Writer): void => {
    for (const { key, value } of rows) writer.put(key, value)
  }
  await environment.commit(write, { rows: rows.length, bytes: 0 })
}

function producersOf(log: ShardLog): Map<number, Producer> {
  log.producers ??= new Map()
  return log.producers
}
