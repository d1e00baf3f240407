// Which shards a filter selects. Pure. The shards that were open at one moment cover every hash key, without a hole: a reader
// that begins with them misses nothing. So what counts is the lineage, not the clocks: a shard is open from the closing of its
// parents to the closing that made its children, and one whose parents are no longer kept has always been open.
import type { Shard } from 'millrace'

/** What is selected of the shards of a stream. */
export type ShardSelection =
  | { readonly type: 'all' }
  /** Open when shards up to `lastIndex` had been made. */
  | { readonly type: 'latest'; readonly lastIndex: number }
  /** Open at the oldest moment that can be read. */
  | { readonly type: 'at-horizon' }
  /** Open at the moment, in milliseconds. */
  | { readonly type: 'at'; readonly time: number }
  /** Open at the moment or later. */
  | { readonly type: 'from'; readonly time: number }

type FilteredShard = Pick<Shard, 'shardId' | 'parentShardIds' | 'closedAt'>

/** From when to when a shard is open, in milliseconds: the end is included, since it may have a record of that moment. */
interface OpenTime {
  readonly from: number
  readonly to: number
}

/** The selected shards, in their order. `shards` are all that can be read, by index. */
export function selectShards<S extends FilteredShard>(
  shards: readonly S[],
  selection: ShardSelection,
): readonly S[] {
  switch (selection.type) {
    case 'all':
      return shards
    case 'latest':
      return leaves(shards.filter(({ shardId }) => indexOf(shardId) <= selection.lastIndex))
    case 'at-horizon': {
      const times = openTimes(shards)
      return shards.filter((_, place) => times[place]!.from === -Infinity)
    }
    case 'at': {
      const times = openTimes(shards)
      return shards.filter((_, place) => {
        const { from, to } = times[place]!
        return from < selection.time && selection.time <= to
      })
    }
    case 'from': {
      const times = openTimes(shards)
      return shards.filter((_, place) => selection.time <= times[place]!.to)
    }
  }
}

/** Shards that have no children: a shard that is being split is open until they are there. */
function leaves<S extends FilteredShard>(shards: readonly S[]): readonly S[] {
  const parents = new Set(shards.flatMap(({ parentShardIds }) => parentShardIds))
  return shards.filter(({ shardId }) => !parents.has(shardId))
}

function openTimes(shards: readonly FilteredShard[]): readonly OpenTime[] {
  const byId = new Map(shards.map((shard) => [shard.shardId, shard]))
  /** When the shard's parents had all been closed; never, of one whose parents are not all kept. */
  const begins = shards.map(({ parentShardIds }) => {
    const closings = parentShardIds.map((id) => byId.get(id)?.closedAt?.getTime() ?? -Infinity)
    return closings.length === 0 || closings.includes(-Infinity) ? -Infinity : Math.max(...closings)
  })
  const ends = new Map<string, number>()
  for (const [place, { parentShardIds }] of shards.entries()) {
    for (const parent of parentShardIds) {
      // Without all of its parents it is open from the beginning; each parent that is kept ends by its own closing.
      const own = byId.get(parent)?.closedAt?.getTime() ?? Infinity
      const end = begins[place] === -Infinity ? own : begins[place]!
      ends.set(parent, Math.max(ends.get(parent) ?? -Infinity, end))
    }
  }
  return shards.map(({ shardId }, place) => ({
    from: begins[place]!,
    to: ends.get(shardId) ?? Infinity,
  }))
}

function indexOf(shardId: string): number {
  return Number(shardId.slice('shardId-'.length))
}
