// The rules that rows of the catalog must keep together. A start refuses a catalog that breaks a rule, and
// `millrace check` reports it. Runs in the controller and in the check; pure. The rules that every change must keep (no
// two streams share a name, no two shards share a slot) are in derived.ts, with the indexes.
import { hashKeyFromHex } from '../../protocol/shards/hash-key.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'
import { ShardMap } from '../../protocol/shards/shard-map.ts'
import type { Derived, Report } from './derived.ts'
import { catalogFamilyNames, type CatalogFamily, type HeldIn } from './families.ts'
import { rowsOf, type Tables } from './tables.ts'

/** Checks one row against all others. */
type RowCheck<F extends CatalogFamily> = (row: HeldIn<F>, state: Tables & Derived, report: Report) => void

const rowChecks: { readonly [F in CatalogFamily]?: RowCheck<F> } = {
  stream({ id, name }, { broker }, report) {
    if (id >= (broker?.nextStreamId ?? 0)) report(`stream ${name}`, `Its stream id ${id} was not given yet.`)
  },

  shard({ streamId, index, slot }, state, report) {
    const where = `stream ${streamId}, ${shardIdOf(index)}`
    if (!state.streams.has(streamId)) report(where, 'Its stream does not exist.')
    checkGiven(state, { streamId, shardIndex: index, slot }, (what) => report(where, what))
  },

  reshard({ streamId, step, moves }, state, report) {
    if (!state.streams.has(streamId)) {
      report(`stream ${streamId}, journal of its change`, 'Its stream does not exist.')
    }
    if (step !== 'sealing') return // its children are among the shards
    for (const { shardIndex, slot } of moves.flatMap(({ children }) => children)) {
      const where = `stream ${streamId}, planned ${shardIdOf(shardIndex)}`
      checkGiven(state, { streamId, shardIndex, slot }, (what) => report(where, what))
    }
  },

  retired({ slot, streamId, shardIndex }, { broker }, report) {
    if (slot < (broker?.nextSlot ?? 0)) return
    report(`stream ${streamId}, retired ${shardIdOf(shardIndex)}`, `Its slot ${slot} was not given yet.`)
  },

  consumer({ streamId, id, name }, state, report) {
    const where = `stream ${streamId}, consumer ${name}`
    if (!state.streams.has(streamId)) report(where, 'Its stream does not exist.')
    for (const other of state.consumers.get(streamId)?.values() ?? []) {
      if (other.name === name && other.id < id) report(where, 'Another consumer of the stream has its name.')
    }
  },
}

/** Reports a slot or shard index that the counters have not assigned yet: they would assign it to a second shard later. */
function checkGiven(
  { broker, streams }: Tables & Derived,
  { streamId, shardIndex, slot }: { streamId: number; shardIndex: number; slot: number },
  report: (what: string) => void,
): void {
  if (slot >= (broker?.nextSlot ?? 0)) report(`Its slot ${slot} was not given yet.`)
  const stream = streams.get(streamId)
  if (stream !== undefined && shardIndex >= stream.nextShardIndex) {
    report(`Its index ${shardIndex} was not given yet.`)
  }
}

/** Reports every row that contradicts other rows. */
export function rowProblems(state: Tables & Derived, report: Report): void {
  for (const family of catalogFamilyNames) {
    const check = rowChecks[family] as RowCheck<CatalogFamily> | undefined
    if (check === undefined) continue
    for (const row of rowsOf(state, family)) check(row, state, report)
  }
}

/** Reports every stream whose open shards do not cover the hash keys exactly once. */
export function wholeProblems({ streams, openShards }: Tables & Derived, report: Report): void {
  for (const { id, name } of streams.values()) {
    try {
      checkCover(openShards.get(id)?.values() ?? [])
    } catch (error) {
      report(
        `stream ${name} (${id})`,
        `Its open shards do not divide the hash keys: ${(error as Error).message}`,
      )
    }
  }
}

/** Throws unless the shards cover the hash key space exactly once. */
function checkCover(open: Iterable<HeldIn<'shard'>>): void {
  void new ShardMap(
    Array.from(open, ({ index, startingHashKey, endingHashKey }) => ({
      index,
      range: { start: hashKeyFromHex(startingHashKey), end: hashKeyFromHex(endingHashKey) },
    })),
  )
}
