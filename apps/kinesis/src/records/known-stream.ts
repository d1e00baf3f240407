// A stream as the path of records knows it: its shards with their numbering, and a producer. Runs in the endpoint.
// What is kept cannot go wrong: a shard's ranges, parents and time of creation never change, and every request to the broker says
// which stream it means by its id.
import type { Client, Producer, Shard } from 'millrace'
import type { StreamView } from '../book/stream-view.ts'
import { createdAtOf, SequenceNumbers } from '../identifiers/sequence-number.ts'
import { shardIndexOf } from '../identifiers/shard-ids.ts'
import { OpenShards } from './limits/open-shards.ts'
import { ANSWER_TIMEOUT_MS } from './patience.ts'

/** A shard, and how its records are numbered. */
export interface KnownShard {
  readonly shard: Shard
  readonly numbers: SequenceNumbers
}

export class KnownStream {
  readonly view: StreamView
  readonly #client: Client
  readonly #shards = new Map<string, KnownShard>()
  #producer: Promise<Producer> | undefined
  #openShards: OpenShards | undefined

  constructor(client: Client, view: StreamView, shards: readonly Shard[]) {
    this.view = view
    this.#client = client
    for (const shard of shards) {
      const numbers = new SequenceNumbers(shardIndexOf(shard.shardId) ?? 0, createdAtOf(shard))
      this.#shards.set(shard.shardId, { shard, numbers })
    }
  }

  shard(shardId: string): KnownShard | undefined {
    return this.#shards.get(shardId)
  }

  /** The open shards, for those who have to know which one takes a record. */
  get openShards(): OpenShards {
    this.#openShards ??= new OpenShards([...this.#shards.values()].map(({ shard }) => shard))
    return this.#openShards
  }

  /** The producer of this caller. One that could not be made is tried again by the next call. */
  producer(): Promise<Producer> {
    this.#producer ??= this.#client.producer(this.view.name, {
      deliveryTimeoutMs: ANSWER_TIMEOUT_MS,
      onThrottled: 'fail',
    })
    this.#producer.catch(() => (this.#producer = undefined))
    return this.#producer
  }

  /** Ends the producer when what it has taken is settled. */
  close(): void {
    void this.#producer?.then((producer) => producer.close()).catch(() => {})
  }
}
