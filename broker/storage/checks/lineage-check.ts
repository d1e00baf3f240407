// Verifies what splits and merges left in the catalog: children divide their parents' hash key ranges and have higher
// sequence numbers; the journal of a change under way agrees with its shards' rows. Runs in the checking process.
import { hashKeyFromHex, hashKeyToBigInt } from '../../../protocol/shards/hash-key.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { PlannedShard, ReshardMove, ReshardRow, ShardRow } from '../../catalog-contract.ts'
import type { OrderedMap } from '../../catalog/ordered-map.ts'
import type { Findings } from './findings.ts'

type ShardsByIndex = Pick<OrderedMap<number, ShardRow['value']>, 'get' | typeof Symbol.iterator>

/** A hash key range, both ends included. */
interface Range {
  readonly startingHashKey: string
  readonly endingHashKey: string
}

export interface StreamShards {
  readonly streamId: number
  /** Shards by index. */
  readonly shards: ShardsByIndex
  readonly journal: ReshardRow['value'] | undefined
}

/** Checks the shards of one stream against each other, and against the journal. */
export function checkLineage({ streamId, shards: byIndex, journal }: StreamShards, findings: Findings): void {
  const problem = (index: number, what: string): void =>
    findings.problem(`stream ${streamId}, ${shardIdOf(index)}`, what)
  const childrenOf = new Map<number, number[]>()
  for (const [index, { parents }] of byIndex) {
    for (const parent of parents) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), index])
    checkNumbers(index, byIndex, problem)
  }
  for (const [index, { state }] of byIndex) {
    const children = childrenOf.get(index) ?? []
    if (state === 'OPEN') {
      if (children.length > 0) problem(index, `It is open, and has children: ${named(children)}.`)
    } else if (children.length === 0) {
      // Shards expire parents first, so a closed shard's children still exist.
      problem(index, 'It is closed, and has no children.')
    } else checkTiling(index, { children, byIndex, problem })
  }
  if (journal !== undefined) checkJournal(journal, byIndex, (what) => problemOf(findings, streamId, what))
}

type Problem = (index: number, what: string) => void

function problemOf(findings: Findings, streamId: number, what: string): void {
  findings.problem(`stream ${streamId}, journal of its change`, what)
}

/** A child's index and sequence numbers are above those of its parents. */
function checkNumbers(index: number, byIndex: ShardsByIndex, problem: Problem): void {
  const { parents, startingSequenceNumber } = byIndex.get(index)!
  for (const parentIndex of parents) {
    if (parentIndex >= index) problem(index, `Its parent ${shardIdOf(parentIndex)} came after it.`)
    const parent = byIndex.get(parentIndex)
    if (parent === undefined) continue // the parent has expired
    const lowest =
      parent.endingSequenceNumber === null ? parent.startingSequenceNumber : parent.endingSequenceNumber + 1
    if (startingSequenceNumber >= lowest) continue
    const what = `It begins at ${startingSequenceNumber}, and its parent ${shardIdOf(parentIndex)} ends below ${lowest}.`
    problem(index, what)
  }
}

/** The children of a split divide its range; the child of a merge has the range of both parents. */
function checkTiling(
  index: number,
  { children, byIndex, problem }: { children: readonly number[]; byIndex: ShardsByIndex; problem: Problem },
): void {
  const rows = children.map((child) => byIndex.get(child)!)
  const both = rows[0]?.parents ?? []
  if (
    rows.some(({ parents }) => parents.length !== both.length || !parents.every((one) => both.includes(one)))
  ) {
    return problem(index, `Its children ${named(children)} do not have the same parents.`)
  }
  const parents = both.flatMap((one) => byIndex.get(one) ?? [])
  if (parents.length < both.length) {
    // The other parent of the merge has expired: the remaining one is at either end of the child's range.
    const [parent, child] = [parents[0]!, rows[0]!]
    const isAtEnd =
      parent.startingHashKey === child.startingHashKey || parent.endingHashKey === child.endingHashKey
    if (!isAtEnd || rows.length > 1)
      problem(index, `Its child ${named(children)} does not continue its range.`)
  } else if (!isSameSpan(parents, rows)) {
    problem(index, `Its children ${named(children)} do not divide its range.`)
  }
}

function checkJournal(
  { step, moves }: ReshardRow['value'],
  byIndex: ShardsByIndex,
  problem: (what: string) => void,
): void {
  const state = step === 'sealing' ? 'OPEN' : 'CLOSED'
  for (const { parents, children } of moves) {
    for (const parent of parents) {
      const found = byIndex.get(parent)?.state ?? 'not there'
      if (found !== state) problem(`It is at ${step}, and its parent ${shardIdOf(parent)} is ${found}.`)
    }
    for (const child of children) {
      const found = byIndex.get(child.shardIndex)
      if (step === 'sealing' ? found === undefined : found !== undefined && isAsPlanned(found, child))
        continue
      problem(`It is at ${step}, and its child ${shardIdOf(child.shardIndex)} is not as it should be.`)
    }
    checkMove({ parents, children }, byIndex, problem)
  }
}

function checkMove(
  { parents, children }: ReshardMove,
  byIndex: ShardsByIndex,
  problem: (what: string) => void,
): void {
  const rows = parents.flatMap((parent) => byIndex.get(parent) ?? [])
  if (rows.length < parents.length || isSameSpan(rows, children)) return
  problem(
    `Its children ${named(children.map(({ shardIndex }) => shardIndex))} do not divide the range of their parents.`,
  )
}

function isAsPlanned(found: ShardRow['value'], planned: PlannedShard): boolean {
  const { slot, ownerId, startingHashKey, endingHashKey } = found
  return (
    slot === planned.slot &&
    ownerId === planned.ownerId &&
    startingHashKey === planned.startingHashKey &&
    endingHashKey === planned.endingHashKey
  )
}

/** Returns true if both lists cover the same hash keys, each key once. */
function isSameSpan(some: readonly Range[], others: readonly Range[]): boolean {
  const [a, b] = [spanOf(some), spanOf(others)]
  return a !== undefined && a === b
}

/** The start and end of ranges that join without a gap; undefined if there is a gap or an overlap. */
function spanOf(ranges: readonly Range[]): string | undefined {
  const sorted = ranges.toSorted((a, b) => (a.startingHashKey < b.startingHashKey ? -1 : 1))
  const isWhole = sorted.every(({ endingHashKey }, place) => {
    const next = sorted[place + 1]
    return next === undefined || numberOf(endingHashKey) + 1n === numberOf(next.startingHashKey)
  })
  return isWhole ? `${sorted[0]?.startingHashKey} ${sorted.at(-1)?.endingHashKey}` : undefined
}

function numberOf(hex: string): bigint {
  return hashKeyToBigInt(hashKeyFromHex(hex))
}

function named(indexes: readonly number[]): string {
  return indexes.map(shardIdOf).join(', ')
}
