// Verifies the catalog's rows, and that catalog and segments agree. Runs in the checking process.
import { hashKeyFromHex } from '../../../protocol/shards/hash-key.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { HashKeyRange } from '../../../protocol/shards/shard-map.ts'
import type { CatalogRow, ShardRow } from '../../catalog-contract.ts'
import type { HeldIn } from '../../catalog/families.ts'
import { OrderedMap } from '../../catalog/ordered-map.ts'
import { checkedCatalog } from '../../catalog/state.ts'
import { rowsOf } from '../../catalog/tables.ts'
import type { HeadRow } from '../rows/key-space.ts'
import type { Findings } from './findings.ts'
import { checkLineage } from './lineage-check.ts'

const noShards = OrderedMap.empty<number, HeldIn<'shard'>>()

/** Returns the hash key range of each slot's records; undefined for a slot that the catalog does not know. */
export type SlotRanges = ReadonlyMap<number, HashKeyRange>

export function rangesOf(rows: readonly CatalogRow[]): SlotRanges {
  const shards = rows.filter((row) => row.family === 'shard')
  return new Map(shards.map((shard) => [shard.value.slot, rangeOf(shard)]))
}

function rangeOf({ value: { startingHashKey, endingHashKey } }: ShardRow): HashKeyRange {
  return { start: hashKeyFromHex(startingHashKey), end: hashKeyFromHex(endingHashKey) }
}

/** The heads of each owner's newest segment. */
export type OwnerHeads = ReadonlyMap<number, ReadonlyMap<number, HeadRow>>

/** Checks the rows against each other, against what the owners stored, and the stamps against what time it is. */
export function checkCatalog(
  rows: readonly CatalogRow[],
  owners: OwnerHeads,
  findings: Findings,
  now = Infinity,
): void {
  findings.shards = rows.filter((row) => row.family === 'shard').length
  if (!rows.some((row) => row.family === 'broker')) {
    if (rows.length > 0) findings.problem('catalog', 'It has no broker row.')
    return
  }
  const state = checkedCatalog(rows, (where, what) => findings.problem(where, what))
  for (const { id, status } of state.streams.values()) {
    if (status !== 'ACTIVE') continue
    const shards = state.shards.get(id) ?? noShards
    checkLineage({ streamId: id, shards, journal: state.journals.get(id) }, findings)
  }
  for (const shard of rowsOf(state, 'shard')) {
    const { streamId } = shard
    const stream = state.streams.get(streamId)
    checkShard(shard, { stream, isChanging: state.journals.has(streamId), owners, findings })
    checkStamps(shard, { head: owners.get(shard.ownerId)?.get(shard.slot), findings, now })
  }
}

function checkShard(
  shard: HeldIn<'shard'>,
  {
    stream,
    isChanging,
    owners,
    findings,
  }: { stream: HeldIn<'stream'> | undefined; isChanging: boolean; owners: OwnerHeads; findings: Findings },
): void {
  const where = `stream ${shard.streamId}, ${shardIdOf(shard.index)}`
  const { slot, ownerId, state, startingSequenceNumber, endingSequenceNumber } = shard
  for (const [otherId, heads] of owners) {
    if (otherId !== ownerId && heads.has(slot)) {
      findings.problem(where, `Its slot ${slot} is stored by owner ${otherId}, not ${ownerId}.`)
    }
  }
  const head = owners.get(ownerId)?.get(slot)
  if (head === undefined) return // no batch was appended yet
  // Storage forgets a stream's shards before the catalog removes them.
  const isGoing = stream?.status === 'DELETING'
  if (head.forgotten !== 0 && !isGoing) {
    findings.problem(where, `Its slot ${slot} was forgotten by owner ${ownerId}.`)
  }
  if (head.trimHorizon < startingSequenceNumber) {
    findings.problem(where, `It holds ${head.trimHorizon}, below its first number ${startingSequenceNumber}.`)
  }
  if (state === 'OPEN' && head.closed !== 0 && !isChanging && !isGoing) {
    findings.problem(where, `It is open, and owner ${ownerId} takes no appends to it.`)
  }
  if (state === 'CLOSED' && head.forgotten === 0) {
    if (head.closed === 0) findings.problem(where, `It is closed, and owner ${ownerId} takes appends to it.`)
    const expected = endingSequenceNumber ?? startingSequenceNumber - 1
    findings.expect(where, 'the last number', { found: head.next - 1, expected })
  }
}

/** Stamps that lie ahead by less are of clocks that differ a little. */
const STAMP_AHEAD_MS = 5 * 60_000

/** A closed shard has all that it holds since it was closed at the latest. */
function checkStamps(
  { streamId, index, closedAt }: HeldIn<'shard'>,
  { head, findings, now }: { head: HeadRow | undefined; findings: Findings; now: number },
): void {
  const stampedUntil = Math.min(head?.lastArrival ?? 0, closedAt ?? Infinity)
  const aheadMs = stampedUntil - now
  if (aheadMs <= STAMP_AHEAD_MS) return
  findings.stampedAhead({ where: `stream ${streamId}, ${shardIdOf(index)}`, stampedUntil, aheadMs })
}
