// The parts of prepared appends that wait for one shard, in the order of the calls. Runs in the client, pure. One request of it is
// under way at a time; it carries batches of the first parts, no more of them than the broker remembers.
import { limits } from '../../protocol/limits.ts'
import type { LaneIdentity } from '../producer/lanes/identity.ts'
import type { PreparedCall } from './call.ts'
import type { Part, PreparedBatch } from './part.ts'
import { preparedLimits } from './options.ts'

/** A batch that goes with the next request. */
export interface RoundBatch {
  readonly part: Part
  readonly batch: PreparedBatch
}

export class ShardQueue {
  readonly shardIndex: number
  parts: Part[] = []
  /** A lower bound of where the next record will stand in the shard. */
  from: number
  /** `from` is not as low as it may be: the shard was asked, or has answered. */
  isPlaced = false
  /** Something drives it. */
  isDriven = false
  /** Its shard takes no more records, and nothing of it is in doubt: its records wait to be laid out anew. */
  isAtRest = false
  /** Something of the last request was refused: the next one asks for one batch only. */
  isHeldBack = false
  /** Ends the wait of what drives it. */
  wake: () => void = () => {}
  readonly #newIdentity: () => LaneIdentity
  #identity: LaneIdentity
  #nextSequence = 0
  /** When it was last given a number, on the monotonic clock. */
  #usedAt = 0

  constructor(shardIndex: number, from: number, newIdentity: () => LaneIdentity) {
    this.shardIndex = shardIndex
    this.from = from
    this.#newIdentity = newIdentity
    this.#identity = newIdentity()
  }

  /** What the next part is written under. */
  get numbering(): { readonly identity: LaneIdentity; readonly firstSequence: number } {
    return { identity: this.#identity, firstSequence: this.#nextSequence }
  }

  /** Before records are laid out: the broker may have forgotten a producer that was silent. */
  refresh(now: number): void {
    if (this.parts.length === 0 && now - this.#usedAt >= preparedLimits.idleMs) this.renew()
    this.#usedAt = now
  }

  /** What comes now is written under another producer id: numbers of this one are left out. */
  renew(): void {
    if (this.#nextSequence === 0) return
    this.#identity = this.#newIdentity()
    this.#nextSequence = 0
  }

  /** Takes a part that has the next numbers. */
  add(part: Part): void {
    this.#nextSequence = part.endSequence
    this.parts.push(part)
  }

  /** Takes a part that has numbers of a plan. */
  addPlanned(part: Part): void {
    this.parts.push(part)
  }

  /** Takes the parts of a call out that is over. If it was given up, the numbers that it leaves out are never used. */
  drop(call: PreparedCall): void {
    const dropped = this.parts.filter((part) => part.call === call)
    if (dropped.length === 0) return
    this.parts = this.parts.filter((part) => part.call !== call)
    if (dropped.some((part) => !part.isSettled)) this.renew()
    this.wake()
  }

  /**
   * The numbers of its first part do not follow any more: all that was written after them is written under another producer, in
   * the same order. What is in doubt, or is under other numbers, stays as it is. Returns the parts that were replaced.
   */
  renumber(): Part[] {
    const broken = this.parts[0]!.identity
    this.renew()
    // Where no number was used yet, the identity is as good as new, unless it is the one that does not do.
    if (this.#identity === broken) this.#identity = this.#newIdentity()
    const replaced: Part[] = []
    this.parts = this.parts.map((part) => {
      if (part.identity !== broken || part.inDoubt) return part
      const renewed = part.renewed(this.#identity, this.#nextSequence)
      this.#nextSequence = renewed.endSequence
      part.call.replace(part, renewed)
      replaced.push(part)
      return renewed
    })
    return replaced
  }

  /**
   * Batches of the next request: of the first parts, while they may be sent; none if the very first may not. All are of one producer: if one is
   * refused, so are those behind it, and order holds.
   */
  round(maySend: (part: Part) => boolean): RoundBatch[] {
    const round: RoundBatch[] = []
    let bytes = 0
    for (const part of this.parts) {
      if (part.identity !== this.parts[0]!.identity || !maySend(part)) return round
      for (const batch of part.batches) {
        if (round.length > 0 && this.isHeldBack) return round
        const isFull = bytes + batch.bytes.length > preparedLimits.requestBytes
        if (round.length > 0 && (isFull || round.length >= limits.producerWindowBatches)) return round
        bytes += batch.bytes.length
        round.push({ part, batch })
      }
    }
    return round
  }

  /** Takes its first parts out while they are settled. */
  shift(): void {
    while (this.parts[0]?.isSettled === true) this.parts.shift()
  }
}
