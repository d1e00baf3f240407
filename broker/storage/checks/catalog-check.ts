// Verifies the catalog, and that it and the segments tell the same story. Runs in the checking process.
import { hashKeyFromHex } from '../../../protocol/hash-key.ts'
import { shardIdOf } from '../../../protocol/shard-id.ts'
import { ShardMap, type HashKeyRange } from '../../../protocol/shard-map.ts'
import type { BrokerRow, CatalogRow, ShardRow, StreamRow } from '../../catalog-contract.ts'
import type { HeadRow } from '../key-space.ts'
import type { Findings } from './findings.ts'

/** The hash keys that each slot's records may have; none for a slot of which the catalog does not know. */
export type SlotRanges = ReadonlyMap<number, HashKeyRange>

export function rangesOf(rows: readonly CatalogRow[]): SlotRanges {
  const shards = rows.filter((row) => row.family === 'shard')
  return new Map(shards.map((shard) => [shard.value.slot, rangeOf(shard)]))
}

function rangeOf({ value: { startingHashKey, endingHashKey } }: ShardRow): HashKeyRange {
  return { start: hashKeyFromHex(startingHashKey), end: hashKeyFromHex(endingHashKey) }
}

/** Heads of each owner's newest segment. */
export type OwnerHeads = ReadonlyMap<number, ReadonlyMap<number, HeadRow>>

export function checkCatalog(rows: readonly CatalogRow[], owners: OwnerHeads, findings: Findings): void {
  const broker = rows.find((row) => row.family === 'broker')
  const streams = rows.filter((row) => row.family === 'stream')
  const shards = rows.filter((row) => row.family === 'shard')
  findings.shards = shards.length
  if (broker === undefined) {
    if (rows.length > 0) findings.problem('catalog', 'It has no broker row.')
    return
  }
  checkCounters(broker, { streams, shards, findings })
  for (const stream of streams) {
    checkStream(stream, { shards: shards.filter(({ key }) => key.streamId === stream.key), findings })
  }
  for (const shard of shards) checkShard(shard, { streams, owners, findings })
}

function checkCounters(
  { value: { nextStreamId, nextSlot } }: BrokerRow,
  { streams, shards, findings }: { streams: StreamRow[]; shards: ShardRow[]; findings: Findings },
): void {
  for (const { key, value } of streams) {
    if (key >= nextStreamId) findings.problem(`stream ${value.name}`, `Its id ${key} was not given yet.`)
  }
  const bySlot = new Map<number, string>()
  for (const shard of shards) {
    const { slot } = shard.value
    const other = bySlot.get(slot)
    if (slot >= nextSlot) findings.problem(nameOf(shard), `Its slot ${slot} was not given yet.`)
    if (other !== undefined) findings.problem(nameOf(shard), `It shares slot ${slot} with ${other}.`)
    bySlot.set(slot, nameOf(shard))
  }
}

function checkStream(
  { key, value }: StreamRow,
  { shards, findings }: { shards: ShardRow[]; findings: Findings },
): void {
  for (const shard of shards) {
    if (shard.key.shardIndex >= value.nextShardIndex)
      findings.problem(nameOf(shard), 'Its index was not given yet.')
  }
  if (value.status !== 'ACTIVE') return
  const open = shards.filter((shard) => shard.value.state === 'OPEN')
  try {
    const ranges = open.map((shard) => ({ index: shard.key.shardIndex, range: rangeOf(shard) }))
    void new ShardMap(ranges)
  } catch (error) {
    findings.problem(
      `stream ${value.name} (${key})`,
      `Its open shards do not divide the hash keys: ${(error as Error).message}`,
    )
  }
}

function checkShard(
  shard: ShardRow,
  { streams, owners, findings }: { streams: StreamRow[]; owners: OwnerHeads; findings: Findings },
): void {
  const where = nameOf(shard)
  const { slot, ownerId, state, startingSequenceNumber, endingSequenceNumber } = shard.value
  if (!streams.some(({ key }) => key === shard.key.streamId))
    findings.problem(where, 'Its stream does not exist.')
  for (const [otherId, heads] of owners) {
    if (otherId !== ownerId && heads.has(slot)) {
      findings.problem(where, `Its slot ${slot} is stored by owner ${otherId}, not ${ownerId}.`)
    }
  }
  const head = owners.get(ownerId)?.get(slot)
  if (head === undefined) return // nothing was appended yet
  if (head.forgotten !== 0) findings.problem(where, `Its slot ${slot} was forgotten by owner ${ownerId}.`)
  if (head.trimHorizon < startingSequenceNumber) {
    findings.problem(where, `It holds ${head.trimHorizon}, below its first number ${startingSequenceNumber}.`)
  }
  if (state === 'CLOSED' && endingSequenceNumber !== null) {
    findings.expect(where, 'the last number', { found: head.next - 1, expected: endingSequenceNumber })
  }
}

function nameOf({ key }: ShardRow): string {
  return `stream ${key.streamId}, ${shardIdOf(key.shardIndex)}`
}
