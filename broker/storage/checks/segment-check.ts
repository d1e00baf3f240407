// Verifies one segment row by row. Runs in the checking process. Reads every batch, verifies its checksums and decodes
// its records; every head, index row and producer row must agree with the batches.
import { setImmediate } from 'node:timers/promises'
import { batchWithin, checkStoredBatch, isEncryptedAt, recordCountAt } from '../../../protocol/batch/batch.ts'
import { walkRecords } from '../../../protocol/batch/record.ts'
import type { Environment } from '../environment.ts'
import { decodeKey, decodeRow, familyOf, keyFamilies, rangeOf, type HeadRow } from '../rows/key-space.ts'
import { allRows, keyAfter } from '../rows/all-rows.ts'
import type { SlotRanges } from './catalog-check.ts'
import type { Findings } from './findings.ts'
import { checkProducerRows, type ProducerHistory } from './producer-check.ts'
import { ShardInSegment } from './shard-in-segment.ts'

const CHUNK_KEYS = 256

export interface SegmentUnderCheck {
  readonly environment: Environment
  readonly findings: Findings
  /** The segment's name in findings. */
  readonly where: string
  readonly producers: ProducerHistory
  readonly ranges: SlotRanges
}

/** Checks all rows of a segment, and returns its heads. */
export async function checkSegment(segment: SegmentUnderCheck): Promise<Map<number, HeadRow>> {
  checkTags(segment)
  const heads = readHeads(segment)
  const shards = await readShards(segment)
  for (const [slot, shard] of shards) {
    shard.checkHead(heads.get(slot))
    shard.checkIndexRest()
  }
  for (const [slot, head] of heads) {
    if (!shards.has(slot)) checkEmptyHead(segment, slot, head)
  }
  for (const { key } of allRows(segment.environment, 'time')) {
    const { slot, arrival } = decodeKey('time', key)
    if (shards.has(slot)) continue
    segment.findings.problem(slotOf(segment, slot), `It has a time index at ${arrival} and no batches.`)
  }
  checkProducerRows(segment.environment, heads, segment)
  return heads
}

/** Every key must belong to a family that segments have. */
function checkTags({ environment, findings, where }: SegmentUnderCheck): void {
  const end = Uint8Array.of(0xff, 0xff)
  let from: Uint8Array = Uint8Array.of(0)
  for (;;) {
    const key = environment.keys({ start: from, end }, 1)[0]
    if (key === undefined) return
    const family = familyOf(key)
    if (family === undefined || keyFamilies[family].store !== 'segment') {
      findings.problem(where, `It holds keys that begin with ${key[0]}: no row of a segment does.`)
    }
    from = Uint8Array.of(key[0]! + 1)
  }
}

function readHeads(segment: SegmentUnderCheck): Map<number, HeadRow> {
  const heads = new Map<number, HeadRow>()
  for (const { key, value } of allRows(segment.environment, 'head')) {
    const { slot } = decodeKey('head', key)
    const head = decodeRow('head', key, value)
    if (head === undefined) segment.findings.problem(slotOf(segment, slot), 'Its head is damaged.')
    else heads.set(slot, head)
  }
  return heads
}

async function readShards(segment: SegmentUnderCheck): Promise<Map<number, ShardInSegment>> {
  const { environment, findings, producers, ranges } = segment
  const shards = new Map<number, ShardInSegment>()
  const { start, end } = rangeOf('batch')
  for (let from: Uint8Array = start; ;) {
    const keys = environment.keys({ start: from, end }, CHUNK_KEYS)
    for (const key of keys) {
      const { slot, base } = decodeKey('batch', key)
      let shard = shards.get(slot)
      if (shard === undefined) {
        shard = new ShardInSegment(environment, slot, { findings, where: slotOf(segment, slot) })
        shards.set(slot, shard)
      }
      const batch = environment.get(key)!
      const fault = checkStoredBatch(batch, base)
      if (fault !== undefined) {
        shard.addDamaged(base, fault)
        continue
      }
      shard.add(base, batch)
      const misplaced = producers.follow(slot, base, batch)
      const where = `${slotOf(segment, slot)}, batch ${base}`
      if (misplaced !== undefined) findings.problem(where, misplaced)
      checkRecords(batch, { findings, where })
      const range = ranges.get(slot)
      if (range !== undefined && !batchWithin(batch, range.start, range.end)) {
        findings.problem(where, "It holds hash keys outside its shard's range.")
      }
      findings.batches++
      if (isEncryptedAt(batch, 0)) findings.encryptedBatches++
      findings.records += recordCountAt(batch, 0)
      findings.bytes += batch.length
    }
    findings.progress()
    const last = keys.at(-1)
    if (last === undefined) return shards
    from = keyAfter(last)
    await setImmediate() // lets progress bars and signals run
  }
}

/** The checksums match, so the bytes are as the producer sent them: malformed records are not the disk's fault. Encrypted ones stay closed. */
function checkRecords(
  batch: Uint8Array,
  { findings, where }: Pick<SegmentUnderCheck, 'findings' | 'where'>,
): void {
  const unreadable = walkRecords(batch)
  if (unreadable === undefined) return
  const { code, message } = unreadable
  if (code === 'codecUnavailable') return findings.problem(where, message, 'codecMissing')
  findings.problem(
    where,
    `Its producer wrote it so that no reader can take it apart. ${message}`,
    'malformed',
  )
}

/** The head of a shard without batches here only gives its position. */
function checkEmptyHead(segment: SegmentUnderCheck, slot: number, head: HeadRow): void {
  const where = `${slotOf(segment, slot)}, head`
  segment.findings.expect(where, 'batches', { found: head.batches, expected: 0 })
  segment.findings.expect(where, 'bytes', { found: head.bytes, expected: 0 })
  segment.findings.expect(where, 'next', { found: head.next, expected: head.first })
}

function slotOf({ where }: SegmentUnderCheck, slot: number): string {
  return `${where}, slot ${slot}`
}
