// Moves the records of vanishing shards to the shards that took their place: a slice a turn, so that a full buffer does
// not keep the thread from everything else. Runs in the client. A lane takes the new records of its keys until its last
// one has moved: so they stay behind the older ones.
import type { Accumulator } from '../batches/accumulator.ts'
import type { Lane } from '../lanes/lane.ts'
import { producerLimits } from '../options.ts'

export class Relocation {
  readonly #records: Accumulator
  /** Told of each lane from which everything has moved: nothing may be added to it any more. */
  readonly #onMoved: (lane: Lane) => void
  readonly #lanes = new Set<Lane>()
  #turn: NodeJS.Immediate | undefined

  constructor(records: Accumulator, onMoved: (lane: Lane) => void) {
    this.#records = records
    this.#onMoved = onMoved
  }

  has(lane: Lane): boolean {
    return this.#lanes.has(lane)
  }

  /** Nothing of the lane may be in flight or in doubt, now and later. */
  begin(lane: Lane): void {
    this.#lanes.add(lane)
    this.#turn ??= setImmediate(() => this.#move())
  }

  /** The lane was removed. */
  forget(lane: Lane): void {
    this.#lanes.delete(lane)
  }

  close(): void {
    clearImmediate(this.#turn)
    this.#lanes.clear()
  }

  #move(): void {
    this.#turn = undefined
    let left = producerLimits.relocatedBytes
    for (const lane of this.#lanes) {
      left -= this.#records.moveOn(lane, left)
      if (!lane.isEmpty) break
      this.#lanes.delete(lane)
      this.#onMoved(lane)
    }
    if (this.#lanes.size > 0) this.#turn = setImmediate(() => this.#move())
  }
}
