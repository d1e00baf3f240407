// All shards and producers of one owner, in memory. Runs on the owner thread. It is read from the active segment alone,
// so a start costs the same whatever lies in the sealed ones, and it is read again after a commit that failed.
import { invariant } from '../../../protocol/invariant.ts'
import type { OwnedShard, ShardExtent } from '../../threads/owner-contract.ts'
import type { CommitPlan } from './commit-plan.ts'
import type { Environment, Row } from '../environment.ts'
import { decodeKey, decodeRow, encodeKey, encodeRow, rangeOf, type FamilyName } from '../key-space.ts'
import { producerRow, ProducerTable, type Producer, type ProducerBatch } from './producer-table.ts'
import { ShardLog } from './shard-log.ts'

/** Rows read at a time while loading. */
const LOAD_CHUNK_ROWS = 1000

export class ShardTable {
  readonly #logs = new Map<number, ShardLog>()
  readonly #producers: ProducerTable
  #activeIsEmpty = true

  constructor(options: { producersMax?: number } = {}) {
    this.#producers = new ProducerTable({
      ...(options.producersMax !== undefined && { max: options.producersMax }),
      onForget: ({ slot, producerId }) => this.#logs.get(slot)?.producers?.delete(producerId),
    })
  }

  /** Reads the state of all shards from a segment. */
  static load(environment: Environment, options: { producersMax?: number } = {}): ShardTable {
    const table = new ShardTable(options)
    for (const { key, value } of allRows(environment, 'head')) {
      const { slot } = decodeKey('head', key)
      const head = decodeRow('head', value)
      if (head === undefined) throw new Error(`The head of slot ${slot} is damaged: run millrace check.`)
      table.#logs.set(slot, ShardLog.fromHead(slot, head))
      if (head.batches > 0) table.#activeIsEmpty = false
    }
    table.#loadProducers(environment)
    return table
  }

  #loadProducers(environment: Environment): void {
    const found = [...allRows(environment, 'producer')].map(({ key, value }) => {
      const { slot, producerId } = decodeKey('producer', key)
      const row = decodeRow('producer', value)
      if (row === undefined) throw new Error(`A producer of slot ${slot} is damaged: run millrace check.`)
      return { slot, producerId, row }
    })
    // The order of use decides who is forgotten first.
    for (const { slot, producerId, row } of found.toSorted((a, b) => a.row.usedAt - b.row.usedAt)) {
      const log = this.#logs.get(slot)
      if (log === undefined || log.isForgotten) continue
      producersOf(log).set(producerId, this.#producers.add(slot, producerId, row))
    }
  }

  /** True while the active segment holds no batch: rolling it would gain nothing. */
  get activeIsEmpty(): boolean {
    return this.#activeIsEmpty
  }

  /** Starts to take appends for a shard; false for one that was forgotten, because slots never come back. */
  open({ slot, startingSequenceNumber }: OwnedShard): boolean {
    let log = this.#logs.get(slot)
    if (log === undefined) this.#logs.set(slot, (log = new ShardLog(slot, startingSequenceNumber)))
    if (log.isForgotten) return false
    log.startAt(startingSequenceNumber)
    log.isOpen = true
    return true
  }

  /** The shard, if it takes appends. */
  opened(slot: number): ShardLog | undefined {
    const log = this.#logs.get(slot)
    return log?.isOpen ? log : undefined
  }

  extent(slot: number): ShardExtent {
    const log = this.#logs.get(slot)
    invariant(log, `slot ${slot} is not known to its owner`)
    const { tail, trimHorizon, lastArrival, bytes, bytesBefore } = log
    return { slot, trimHorizon, tail, lastArrivalTime: lastArrival, bytes: bytes + bytesBefore }
  }

  /** Puts a batch at a shard's tail, in memory and in the plan. */
  stage(
    log: ShardLog,
    plan: CommitPlan,
    base: number,
    batch: Uint8Array,
    recordCount: number,
    now: number,
  ): void {
    const indexed = log.stage(recordCount, batch.length, now)
    invariant(log.tail <= Number.MAX_SAFE_INTEGER, `slot ${log.slot} has run out of sequence numbers`)
    plan.addBatch(log.slot, base, batch)
    if (indexed) plan.addTime(log.slot, log.lastArrival, base)
    plan.addLog(log)
    this.#activeIsEmpty = false
  }

  /** Notes the batch just staged as its producer's newest. */
  storeProducer(
    log: ShardLog,
    plan: CommitPlan,
    producerId: number,
    batch: ProducerBatch,
    base: number,
  ): void {
    const producers = producersOf(log)
    let producer = producers.get(producerId)
    if (producer === undefined) {
      producer = this.#producers.add(log.slot, producerId)
      producers.set(producerId, producer)
    }
    this.#producers.store(producer, batch, { base, arrival: log.lastArrival })
    plan.addProducer(producer)
  }

  /** Marks shards whose records nobody wants any more. */
  forget(slots: readonly number[], plan: CommitPlan): void {
    for (const slot of slots) {
      const log = this.#logs.get(slot)
      if (log === undefined || log.isForgotten) continue
      for (const producer of log.producers?.values() ?? []) this.#producers.remove(producer)
      log.producers = undefined
      log.isOpen = false
      log.isForgotten = true
      plan.addLog(log)
    }
  }

  /** Goes on in a new segment: everything that is still wanted, as its first rows. */
  async carryInto(environment: Environment): Promise<void> {
    const rows: Row[] = []
    for (const log of this.#logs.values()) {
      if (log.isForgotten) {
        this.#logs.delete(log.slot)
        continue
      }
      log.roll()
      if (!log.isEmpty) rows.push({ key: encodeKey('head', log.slot), value: encodeRow('head', log.head()) })
    }
    for (const producer of this.#producers) rows.push(carriedProducer(producer))
    this.#activeIsEmpty = true
    await environment.commit((writer) => {
      for (const { key, value } of rows) writer.put(key, value)
    })
  }
}

function carriedProducer(producer: Producer): Row {
  return {
    key: encodeKey('producer', producer.slot, producer.producerId),
    value: encodeRow('producer', producerRow(producer)),
  }
}

function producersOf(log: ShardLog): Map<number, Producer> {
  log.producers ??= new Map()
  return log.producers
}

/** All rows of a family, read in chunks so that no read transaction is held. */
export function* allRows(environment: Environment, family: FamilyName): Generator<Row> {
  const { start, end } = rangeOf(family)
  let from: Uint8Array = start
  for (;;) {
    const rows = environment.rows({ start: from, end }, LOAD_CHUNK_ROWS)
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < LOAD_CHUNK_ROWS) return
    from = keyAfter(last.key)
  }
}

/** The least key above `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1)
  after.set(key)
  return after
}
