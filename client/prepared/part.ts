// A part of a prepared append: the batches of one call for one shard, under the numbers that its plan gives them. Runs in the
// client, pure. Its batches are settled from the first on; what is not settled may be laid out anew only when it is not in doubt.
import { renewBatch } from '../../protocol/batch/batch-builder.ts'
import { hashKeyToHex } from '../../protocol/shards/hash-key.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import type { HashKeyRange } from '../../protocol/shards/shard-map.ts'
import type { LaneIdentity } from '../producer/lanes/identity.ts'
import type { PreparedCall } from './call.ts'
import { sumOf, type PlannedPart } from './plan.ts'

/** A batch of a part. */
export interface PreparedBatch {
  /** Places of its records among those of the call. */
  readonly indexes: readonly number[]
  /** As it is encoded. */
  readonly bytes: Uint8Array
  /** What is sent in place of that where the stream is encrypted: made once, so that every sending has the same bytes. */
  encrypted?: Uint8Array
  /** It was sent, and may be stored, or may become so. */
  inDoubt: boolean
}

/** Where a part goes. */
export interface PartPlace {
  readonly shardIndex: number
  readonly range: HashKeyRange
  readonly identity: LaneIdentity
  readonly firstSequence: number
}

/** What of a part counts for the time of its sending, by the broker's clock. */
export type SendingTimes = Pick<PlannedPart, 'from' | 'sentFrom' | 'sentUntil'>

export class Part {
  readonly call: PreparedCall
  readonly shardIndex: number
  readonly range: HashKeyRange
  readonly identity: LaneIdentity
  readonly firstSequence: number
  /** Undefined until it is kept for the first time. */
  times: SendingTimes | undefined
  #batches: PreparedBatch[]
  /** Counts of all batches; those of a plan that are stored have no bytes here. */
  readonly #counts: number[]
  #stored: number

  /** `before` are counts of batches that a plan knows as stored; `batches` are the others. */
  constructor(
    call: PreparedCall,
    place: PartPlace,
    batches: PreparedBatch[],
    before?: { readonly counts: readonly number[]; readonly times: SendingTimes },
  ) {
    this.call = call
    this.shardIndex = place.shardIndex
    this.range = place.range
    this.identity = place.identity
    this.firstSequence = place.firstSequence
    this.#batches = batches
    const counts = before?.counts ?? []
    this.#stored = counts.length
    this.#counts = [...counts, ...batches.map(({ indexes }) => indexes.length)]
    this.times = before?.times
  }

  /** The batches that are not settled, in their order. */
  get batches(): readonly PreparedBatch[] {
    return this.#batches
  }

  get isSettled(): boolean {
    return this.#batches.length === 0
  }

  get isEmpty(): boolean {
    return this.#counts.length === 0
  }

  /** Whether its next batch may be stored. The ones behind it cannot be, unless it is. */
  get inDoubt(): boolean {
    return this.#batches[0]?.inDoubt === true
  }

  /** The number of the next record that is not settled. */
  get nextSequence(): number {
    return this.firstSequence + sumOf(this.#counts.slice(0, this.#stored))
  }

  /** The number behind its last record. */
  get endSequence(): number {
    return this.firstSequence + sumOf(this.#counts)
  }

  /** Bytes of what is not settled. */
  get bytes(): number {
    return this.#batches.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** Its next batch is stored. */
  settleNext(): void {
    this.#batches.shift()
    this.#stored++
  }

  /** All of it is stored below this number, which is the end of a batch of it or lies outside. Returns whether that is news. */
  settleBelow(sequence: number): boolean {
    const before = this.#stored
    while (!this.isSettled && this.nextSequence + this.#batches[0]!.indexes.length <= sequence)
      this.settleNext()
    return this.#stored > before
  }

  /** Nothing of what is left is stored, or will be under these numbers: takes it out. */
  cut(): PreparedBatch[] {
    const left = this.#batches
    this.#batches = []
    this.#counts.length = this.#stored
    return left
  }

  /** What is left of it under other numbers, for the same shard. */
  renewed(identity: LaneIdentity, firstSequence: number): Part {
    const { shardIndex, range } = this
    let sequence = firstSequence
    const batches = this.cut().map(({ indexes, bytes }): PreparedBatch => {
      const { producerId } = identity
      const renewed = renewBatch(bytes, { producerId, producerEpoch: 0, firstProducerSequence: sequence })
      sequence += indexes.length
      return { indexes, bytes: renewed, inDoubt: false }
    })
    return new Part(this.call, { shardIndex, range, identity, firstSequence }, batches)
  }

  /** What a plan says of it. */
  planned(times: SendingTimes): PlannedPart {
    const { shardIndex, range, identity, firstSequence } = this
    return {
      shardId: shardIdOf(shardIndex),
      hashKeys: [hashKeyToHex(range.start), hashKeyToHex(range.end)],
      secret: Buffer.from(identity.secret).toString('base64url'),
      firstSequence,
      batches: [...this.#counts],
      stored: this.#stored,
      from: times.from,
      sentFrom: times.sentFrom,
      sentUntil: times.sentUntil,
    }
  }
}
