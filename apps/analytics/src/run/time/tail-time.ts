// Asks up to which time all records of a stream have come. A record says that none of its shard comes that is older; of a shard that has
// nothing new, only the broker can say so. Runs in the app.
import type { Client, StreamPosition } from 'millrace'
import { holdsOneOf } from '../parts/part-range.ts'
import { placeIn, type ListedShard } from '../place/replay.ts'
import type { StreamShare } from '../reading/stream-ranges.ts'

/** How long after a time an append that began before it may still be stored. */
const GRACE_MS = 1000

interface Question {
  /** Milliseconds by the broker's clock. */
  readonly time: number
  /** Of each shard, the number of the first record that may have arrived at this time or later. */
  readonly firsts: readonly { readonly shard: ListedShard; readonly first: number }[]
}

/** How far arrival time has come in a stream. */
export class TailTime {
  readonly #client: Pick<Client, 'brokerTime' | 'listShards' | 'resolvePosition'>
  readonly #share: StreamShare
  #asked: Question | undefined
  #known: number | undefined

  constructor(client: Pick<Client, 'brokerTime' | 'listShards' | 'resolvePosition'>, share: StreamShare) {
    this.#client = client
    this.#share = share
  }

  /** All records that arrived before this are in front of every position that was told; undefined before the first answer. */
  get known(): number | undefined {
    return this.#known
  }

  /** Asks once. Rejects as the client does. */
  async ask(signal: AbortSignal): Promise<void> {
    const time = (await this.#client.brokerTime({ signal })).getTime() - GRACE_MS
    const { stream, hashKeys } = this.#share
    const shards: ListedShard[] = []
    for await (const shard of this.#client.listShards(stream, { signal }))
      if (holdsOneOf(shard, hashKeys)) shards.push(shard)
    const from = { atTimestamp: time }
    const firsts = await Promise.all(
      shards.map(async (shard) => {
        const { shardId, endingSequenceNumber: last } = shard
        // One that takes no records any more is read to its end: there is nothing to ask.
        if (last !== undefined) return { shard, first: last + 1 }
        const place = await this.#client.resolvePosition(stream, { shard: shardId, from, signal })
        return { shard, first: place.sequenceNumber }
      }),
    )
    this.#asked = { time, firsts }
  }

  /** Tells where the reading is. */
  reached(position: StreamPosition): void {
    const asked = this.#asked
    if (asked === undefined) return
    if (asked.firsts.some(({ shard, first }) => placeIn(position, shard) < first)) return
    this.#known = Math.max(this.#known ?? 0, asked.time)
    this.#asked = undefined
  }
}
