// Verifies the catalog, and that it and the segments tell the same story. Runs in the checking process.
import { hashKeyFromHex } from '../../../protocol/hash-key.ts'
import { shardIdOf } from '../../../protocol/shard-id.ts'
import { ShardMap, type HashKeyRange } from '../../../protocol/shard-map.ts'
import type {
  BrokerRow,
  CatalogRow,
  ReshardRow,
  RetiredRow,
  ShardRow,
  StreamRow,
} from '../../catalog-contract.ts'
import type { HeadRow } from '../key-space.ts'
import type { Findings } from './findings.ts'
import { checkLineage } from './lineage-check.ts'

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

/** What the catalog holds, by family. */
interface CatalogRows {
  readonly streams: readonly StreamRow[]
  readonly shards: readonly ShardRow[]
  readonly journals: readonly ReshardRow[]
  readonly retired: readonly RetiredRow[]
}

export function checkCatalog(rows: readonly CatalogRow[], owners: OwnerHeads, findings: Findings): void {
  const broker = rows.find((row) => row.family === 'broker')
  const streams = rows.filter((row) => row.family === 'stream')
  const shards = rows.filter((row) => row.family === 'shard')
  const journals = rows.filter((row) => row.family === 'reshard')
  const retired = rows.filter((row) => row.family === 'retired')
  findings.shards = shards.length
  if (broker === undefined) {
    if (rows.length > 0) findings.problem('catalog', 'It has no broker row.')
    return
  }
  checkCounters(broker, { streams, shards, journals, retired }, findings)
  const shardsOf = new Map<number, ShardRow[]>()
  for (const stream of streams) shardsOf.set(stream.key, [])
  for (const shard of shards) shardsOf.get(shard.key.streamId)?.push(shard)
  for (const stream of streams) {
    const journal = journals.find(({ key }) => key === stream.key)
    checkStream(stream, { shards: shardsOf.get(stream.key) ?? [], journal, findings })
  }
  for (const { key } of journals) {
    if (streams.some((stream) => stream.key === key)) continue
    findings.problem(`stream ${key}, journal of its change`, 'Its stream does not exist.')
  }
  const streamById = new Map(streams.map((stream) => [stream.key, stream]))
  const changing = new Set(journals.map(({ key }) => key))
  for (const shard of shards) {
    const { streamId } = shard.key
    const stream = streamById.get(streamId)
    checkShard(shard, { stream, isChanging: changing.has(streamId), owners, findings })
  }
}

/** Everything that was given a number, planned shards included: each once, and below the counter that gives the next. */
function checkCounters(
  { value: { nextStreamId, nextSlot } }: BrokerRow,
  { streams, shards, journals, retired }: CatalogRows,
  findings: Findings,
): void {
  for (const { key, value } of streams) {
    if (key >= nextStreamId) findings.problem(`stream ${value.name}`, `Its id ${key} was not given yet.`)
  }
  const bySlot = new Map<number, string>()
  const take = (slot: number, where: string): void => {
    const other = bySlot.get(slot)
    if (slot >= nextSlot) findings.problem(where, `Its slot ${slot} was not given yet.`)
    if (other !== undefined) findings.problem(where, `It shares slot ${slot} with ${other}.`)
    bySlot.set(slot, where)
  }
  for (const shard of shards) take(shard.value.slot, nameOf(shard))
  for (const { key, value } of retired) take(key, `retired ${shardIdOf(value.shardIndex)}`)
  for (const { key, value } of journals) {
    if (value.step !== 'sealing') continue // its children are among the shards
    for (const { slot, shardIndex } of value.moves.flatMap(({ children }) => children)) {
      take(slot, `stream ${key}, planned ${shardIdOf(shardIndex)}`)
    }
  }
}

function checkStream(
  { key, value }: StreamRow,
  {
    shards,
    journal,
    findings,
  }: { shards: readonly ShardRow[]; journal: ReshardRow | undefined; findings: Findings },
): void {
  const planned = journal?.value.moves.flatMap(({ children }) => children) ?? []
  for (const shardIndex of [
    ...shards.map((shard) => shard.key.shardIndex),
    ...planned.map((child) => child.shardIndex),
  ]) {
    if (shardIndex < value.nextShardIndex) continue
    findings.problem(`stream ${key}, ${shardIdOf(shardIndex)}`, 'Its index was not given yet.')
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
  checkLineage({ streamId: key, shards, journal }, findings)
}

function checkShard(
  shard: ShardRow,
  {
    stream,
    isChanging,
    owners,
    findings,
  }: { stream: StreamRow | undefined; isChanging: boolean; owners: OwnerHeads; findings: Findings },
): void {
  const where = nameOf(shard)
  const { slot, ownerId, state, startingSequenceNumber, endingSequenceNumber } = shard.value
  if (stream === undefined) findings.problem(where, 'Its stream does not exist.')
  for (const [otherId, heads] of owners) {
    if (otherId !== ownerId && heads.has(slot)) {
      findings.problem(where, `Its slot ${slot} is stored by owner ${otherId}, not ${ownerId}.`)
    }
  }
  const head = owners.get(ownerId)?.get(slot)
  if (head === undefined) return // nothing was appended yet
  // Storage forgets the shards of a stream before the catalog does.
  const isGoing = stream?.value.status === 'DELETING'
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

function nameOf({ key }: ShardRow): string {
  return `stream ${key.streamId}, ${shardIdOf(key.shardIndex)}`
}
