// How far an import knows its target to be filled: per shard the number behind the last record that was acknowledged. Pure.
// A record that is sent later gets a higher number, so all that an unfinished page has stored lies behind the place of its begin.
import type { Acknowledgement, StreamPosition } from 'millrace'

/** A place in the target that moves with acknowledgements. */
export class TargetPlace {
  #position: StreamPosition

  constructor(position: StreamPosition) {
    this.#position = position
  }

  /** The place as it is now; it does not change any more. */
  get position(): StreamPosition {
    return this.#position
  }

  /** A shard that was not known at the begin stays unlisted: it is read from its first record. */
  raise({
    streamId,
    shardId,
    sequenceNumber,
  }: Pick<Acknowledgement, 'streamId' | 'shardId' | 'sequenceNumber'>): void {
    const { shards } = this.#position
    const known = shards[shardId]
    if (streamId !== this.#position.streamId || known === undefined || known > sequenceNumber) return
    this.#position = { ...this.#position, shards: { ...shards, [shardId]: sequenceNumber + 1 } }
  }

  /** Raises by the acknowledgements of a page: one copy for all of them. */
  raiseAll(acknowledgements: readonly Acknowledgement[]): void {
    const last = new Map<string, Acknowledgement>()
    for (const one of acknowledgements) {
      const known = last.get(one.shardId)
      if (known === undefined || known.sequenceNumber < one.sequenceNumber) last.set(one.shardId, one)
    }
    for (const one of last.values()) this.raise(one)
  }
}
