// Verifies a compacted segment on disk before anything relies on it. Runs on the maintenance thread. The sources are
// removed after this check, so it reads every row again.
import { setImmediate } from 'node:timers/promises'
import { arrivalTimeAt, checkStoredBatch } from '../../../protocol/batch/batch.ts'
import { allRows, keyAfter } from '../rows/all-rows.ts'
import type { Environment } from '../environment.ts'
import { decodeKey, decodeRow, encodeKey, rangeOf, type HeadRow } from '../rows/key-space.ts'
import { KeptShard } from './kept-shard.ts'
import { countOf } from '../../../protocol/text/count-text.ts'

const CHUNK_KEYS = 64

export interface CompactedContent {
  /** By slot. */
  readonly heads: ReadonlyMap<number, HeadRow>
  readonly batches: number
  readonly timeRows: number
}

/**
 * Says how an environment differs from the expected content; undefined if it does not. `onBatch` may throw to end the
 * check.
 */
export async function compactionFault(
  environment: Environment,
  expected: CompactedContent,
  onBatch: (bytes: number) => Promise<void>,
): Promise<string | undefined> {
  return (
    headsFault(environment, expected.heads) ??
    (await batchesFault(environment, expected, onBatch)) ??
    timeFault(environment, expected.timeRows)
  )
}

function headsFault(environment: Environment, heads: ReadonlyMap<number, HeadRow>): string | undefined {
  let found = 0
  for (const { key, value } of allRows(environment, 'head')) {
    const { slot } = decodeKey('head', key)
    const head = decodeRow('head', key, value)
    if (head === undefined || !isSame(head, heads.get(slot)))
      return `the head of slot ${slot} is not as written`
    found++
  }
  return found === heads.size ? undefined : `it has ${found} of ${countOf(heads.size, 'head')}`
}

function isSame(head: HeadRow, expected: HeadRow | undefined): boolean {
  if (expected === undefined) return false
  return (Object.keys(head) as (keyof HeadRow)[]).every((field) => head[field] === expected[field])
}

async function batchesFault(
  environment: Environment,
  { heads, batches }: CompactedContent,
  onBatch: (bytes: number) => Promise<void>,
): Promise<string | undefined> {
  const shards = new Map<number, KeptShard>()
  let found = 0
  const { start, end } = rangeOf('batch')
  for (let from: Uint8Array = start; ;) {
    const keys = environment.keys({ start: from, end }, CHUNK_KEYS)
    let bytes = 0
    for (const key of keys) {
      const { slot, base } = decodeKey('batch', key)
      const shard = shards.get(slot) ?? new KeptShard(0)
      shards.set(slot, shard)
      const batch = environment.peek(key)
      const fault = batch === undefined ? 'it is gone' : checkStoredBatch(batch, base)
      if (fault !== undefined) return `slot ${slot}, batch ${base}: ${fault}`
      if (base !== (shard.next ?? base)) return `slot ${slot}: the numbers before ${base} are missing`
      shard.add(base, batch!)
      bytes += batch!.length
      found++
    }
    await onBatch(bytes)
    await setImmediate() // lets surveys run
    const last = keys.at(-1)
    if (last === undefined) break
    from = keyAfter(last)
  }
  if (found !== batches) return `it has ${found} of ${countOf(batches, 'batch', 'batches')}`
  for (const [slot, head] of heads) {
    const extent = shards.get(slot)?.extent()
    if (extent === undefined ? head.batches !== 0 : !isSame({ ...head, ...extent }, head)) {
      return `the head of slot ${slot} does not say what its batches do`
    }
  }
  return undefined
}

function timeFault(environment: Environment, timeRows: number): string | undefined {
  let found = 0
  for (const { key, value } of allRows(environment, 'time')) {
    const { slot, arrival } = decodeKey('time', key)
    const row = decodeRow('time', key, value)
    const batch = row && environment.peek(encodeKey('batch', slot, row.base))
    if (batch === undefined || arrivalTimeAt(batch, 0) !== arrival) {
      return `the time index of slot ${slot} at ${arrival} names no batch of that time`
    }
    found++
  }
  return found === timeRows ? undefined : `it has ${countOf(found, 'row')} of the time index, not ${timeRows}`
}
