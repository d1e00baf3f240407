// Shards of streams, as long as they do not change. Runs in the endpoint. A stream's epoch rises with every change of its
// shards, so shards of one id and epoch have the same parents, ranges and times wherever they are asked for.
import type { Client, Shard, Stream } from 'millrace'

interface Known {
  readonly epoch: number
  readonly shards: Promise<readonly Shard[]>
}

/** Streams whose shards are kept; the one that was used least lately goes first. */
const STREAMS_MAX = 1000

export class ShardCache {
  /** By the stream's id, from the one that was used least lately. */
  readonly #known = new Map<number, Known>()

  /** The shards of the stream as it was described. */
  get(client: Pick<Client, 'listShards'>, { id, epoch, name }: Stream): Promise<readonly Shard[]> {
    const known = this.#known.get(id)
    this.#known.delete(id)
    const shards = known?.epoch === epoch ? known.shards : shardsOf(client, name)
    this.#known.set(id, { epoch, shards })
    shards.catch(() => {
      if (this.#known.get(id)?.shards === shards) this.#known.delete(id)
    })
    const [oldest] = this.#known.keys()
    if (this.#known.size > STREAMS_MAX && oldest !== undefined) this.#known.delete(oldest)
    return shards
  }
}

/** All shards of a stream that can be read, by index. */
export async function shardsOf(client: Pick<Client, 'listShards'>, name: string): Promise<readonly Shard[]> {
  const shards: Shard[] = []
  for await (const shard of client.listShards(name)) shards.push(shard)
  return shards
}
