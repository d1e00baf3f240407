// One shard of the fake broker: what it stores, and the rules of producers. The rules are written here a second time, in
// the plainest form, so that the client is held to what is documented and not to what the broker happens to do.
import {
  baseSequenceNumberAt,
  batchWithin,
  bodyCrcOf,
  checkSentBatch,
  errorCodes,
  limits,
  producerIdentityOf,
  readBatchHeader,
  recordCountAt,
  stampBatch,
  type AppendResult,
  type ErrorCode,
  type FetchedShard,
  type HashKeyRange,
  type Position,
} from '../../../protocol/index.ts'
import type { Damage } from '../../../protocol/structs.ts'

/** The clock of a fake broker starts here. */
export const BASE_TIME = 1_700_000_000_000

/** A token bucket in debt style: takes anything while the balance is above 0. On the clock of the test. */
export class FakeLimit {
  readonly #perSecond: number
  #balance: number
  #at = performance.now()
  refusals = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#balance = perSecond
  }

  /** Undefined where it was taken, else how long to wait. */
  take(amount: number): number | undefined {
    const now = performance.now()
    this.#balance = Math.min(this.#perSecond, this.#balance + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    if (this.#balance > 0) {
      this.#balance -= amount
      return undefined
    }
    this.refusals++
    return Math.ceil((-this.#balance / this.#perSecond) * 1000) + 1
  }
}

interface ProducerRow {
  readonly epoch: number
  /** Next sequence. */
  readonly next: number
  /** The last batches, oldest first. */
  readonly window: readonly { first: number; count: number; crc: number; base: number; arrivalTime: number }[]
}

export class FakeShard {
  readonly index: number
  readonly range: HashKeyRange
  readonly parents: readonly number[]
  hostId: number
  state: 'OPEN' | 'CLOSED' = 'OPEN'
  /** Takes no more records, while the routing does not tell of it yet. */
  isSealed = false
  /** Expired altogether: nobody knows of it any more. */
  isGone = false
  readonly start: number
  /** What it takes and gives, where it is limited. */
  readonly limits: { bytesIn?: FakeLimit; reads?: FakeLimit } = {}
  readonly batches: Uint8Array[] = []
  /** Records that its disk does not give back: they are told of by name. */
  readonly damaged: Damage[] = []
  trimHorizon: number
  tail: number
  readonly #producers = new Map<number, ProducerRow>()

  constructor(shard: {
    index: number
    range: HashKeyRange
    parents: readonly number[]
    hostId: number
    start: number
  }) {
    this.index = shard.index
    this.range = shard.range
    this.parents = shard.parents
    this.hostId = shard.hostId
    this.start = shard.start
    this.trimHorizon = shard.start
    this.tail = shard.start
  }

  append(sent: { batch: Uint8Array; producerSecret: Uint8Array | undefined }, now: number): AppendResult {
    const { batch: bytes, producerSecret = new Uint8Array(0) } = sent
    const fault = checkSentBatch(bytes)
    if (fault !== undefined) return refusal(fault.code)
    if (!batchWithin(bytes, this.range.start, this.range.end)) return refusal('hashKeyOutOfRange')
    const { producerId, producerEpoch: epoch, ...header } = readBatchHeader(bytes)
    const { firstProducerSequence: first, recordCount: count } = header
    if (producerId !== 0 && producerIdentityOf(producerSecret).producerId !== producerId)
      return refusal('producerUnproven')
    const row = this.#producers.get(producerId) ?? { epoch: -1, next: 0, window: [] }
    if (epoch < row.epoch) return refusal('producerFenced')
    const isNewEpoch = epoch > row.epoch
    const crc = bodyCrcOf(bytes)
    const known = row.window.find((batch) => batch.first === first && batch.count === count)
    if (!isNewEpoch && known?.crc === crc) return storedAt(known.base, known.arrivalTime)
    if (!isNewEpoch && first < row.next) {
      const isOld = first + count <= (row.window[0]?.first ?? 0)
      return refusal(isOld ? 'duplicateTooOld' : 'sequenceReused')
    }
    if (this.state === 'CLOSED' || this.isSealed) return refusal('shardClosed')
    if (first !== (isNewEpoch ? 0 : row.next)) return refusal('outOfOrderSequence')
    const waitMs = this.limits.bytesIn?.take(bytes.length)
    if (waitMs !== undefined) return refusal('provisionedThroughputExceeded', waitMs)
    const base = this.store(Uint8Array.from(bytes), now)
    const window = [...(isNewEpoch ? [] : row.window), { first, count, crc, base, arrivalTime: now }]
    this.#producers.set(producerId, {
      epoch,
      next: first + count,
      window: window.slice(-limits.producerWindowBatches),
    })
    return storedAt(base, now)
  }

  /** Forgets every producer, as a broker does with those it has not heard of for long. */
  forgetProducers(): void {
    this.#producers.clear()
  }

  store(batch: Uint8Array, now: number): number {
    const base = this.tail
    stampBatch(batch, base, now)
    this.batches.push(batch)
    this.tail += recordCountAt(batch, 0)
    return base
  }

  /** What can be read from a number on, up to where something cannot. */
  batchesFrom(number: number): Uint8Array[] {
    const from = this.batches.filter((batch) => endOf(batch) > number)
    const damaged = from.findIndex((batch) => this.damageAt(baseSequenceNumberAt(batch, 0)) !== undefined)
    return damaged < 0 ? from : from.slice(0, damaged)
  }

  damageAt(number: number): Damage | undefined {
    return this.damaged.find((each) => each.firstSequenceNumber <= number && number < each.nextSequenceNumber)
  }

  /** Forgets the records below a number. */
  trim(horizon: number): void {
    this.trimHorizon = horizon
    while (this.batches.length > 0 && endOf(this.batches[0]!) <= horizon) this.batches.shift()
  }

  resolve(position: Position): number | 'trimmed' | 'invalidPosition' {
    switch (position.type) {
      case 'TRIM_HORIZON':
        return this.trimHorizon
      case 'LATEST':
        return this.tail
      case 'AT_TIMESTAMP': {
        const wanted = position.timestamp!
        const found = this.batches.find((batch) => readBatchHeader(batch).arrivalTime >= wanted)
        return found === undefined ? this.tail : baseSequenceNumberAt(found, 0)
      }
      default: {
        const wanted = position.sequenceNumber! + (position.type === 'AFTER_SEQUENCE_NUMBER' ? 1 : 0)
        if (wanted < this.trimHorizon) return 'trimmed'
        return wanted > this.tail ? 'invalidPosition' : wanted
      }
    }
  }
}

/** One shard's part of a fetch; undefined for a shard that is not there. */
export function fetchFrom(shard: FakeShard | undefined, number: number, bytesMax: number): FetchedShard {
  const none = {
    batches: [],
    nextSequenceNumber: number,
    millisBehindLatest: 0,
    ended: false,
    retryAfterMs: undefined,
    damage: undefined,
  }
  if (shard === undefined) return { ...none, code: errorCodes.shardNotFound.id, trimHorizon: 0, tail: 0 }
  const { trimHorizon, tail } = shard
  if (number < trimHorizon) return { ...none, code: errorCodes.trimmed.id, trimHorizon, tail }
  const retryAfterMs = shard.limits.reads?.take(1)
  if (retryAfterMs !== undefined) {
    return { ...none, code: errorCodes.provisionedThroughputExceeded.id, trimHorizon, tail, retryAfterMs }
  }
  const damage = shard.damageAt(number)
  if (damage !== undefined) return { ...none, code: errorCodes.corruptData.id, trimHorizon, tail, damage }
  const batches: Uint8Array[] = []
  let left = bytesMax
  let next = number
  for (const batch of shard.batchesFrom(number)) {
    if (left <= 0) break
    batches.push(batch)
    left -= batch.length
    next = endOf(batch)
  }
  const ended = shard.state === 'CLOSED' && next === tail
  return { ...none, code: 0, batches, nextSequenceNumber: next, trimHorizon, tail, ended }
}

export function endOf(batch: Uint8Array): number {
  return baseSequenceNumberAt(batch, 0) + recordCountAt(batch, 0)
}

export function refusal(code: ErrorCode, retryAfterMs?: number): AppendResult {
  return {
    code: errorCodes[code].id,
    baseSequenceNumber: 0,
    arrivalTime: 0,
    durability: 'none',
    retryAfterMs,
    message: `the fake refuses: ${code}`,
  }
}

function storedAt(base: number, arrivalTime: number): AppendResult {
  return {
    code: 0,
    baseSequenceNumber: base,
    arrivalTime,
    durability: 'disk',
    retryAfterMs: undefined,
    message: undefined,
  }
}
