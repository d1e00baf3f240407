// Verifies the rows of idempotent producers. Runs in the checking process. Each producer's batches must follow each
// other through all segments, so that no batch was stored twice, and producer rows must name stored batches.
import {
  arrivalTimeAt,
  bodyCrcAt,
  checkStoredBatch,
  firstProducerSequenceAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
} from '../../../protocol/batch/batch.ts'
import type { Environment } from '../environment.ts'
import { decodeKey, decodeRow, encodeKey, type HeadRow, type ProducerRow } from '../rows/key-space.ts'
import { limits } from '../../../protocol/limits.ts'
import type { WindowEntry } from '../append/producer-decision.ts'
import { allRows } from '../rows/all-rows.ts'
import type { Findings } from './findings.ts'

/** A producer's sequence of batches through an owner's segments, oldest segment first. */
export class ProducerHistory {
  readonly #isWhole: boolean
  readonly #seen = new Map<string, { epoch: number; next: number; gaps: number; arrival: number }>()
  /** By slot: the number after the last batch, and the count of gaps so far. */
  readonly #slots = new Map<number, { next: number; gaps: number }>()

  /** `isWhole`: nothing was ever removed, so every producer's first batch is there. */
  constructor({ isWhole }: { isWhole: boolean }) {
    this.#isWhole = isWhole
  }

  /** Adds a stored batch. Returns what is wrong with its place in its producer's sequence. */
  follow(slot: number, base: number, batch: Uint8Array): string | undefined {
    const recordCount = recordCountAt(batch, 0)
    const gaps = this.#countGaps(slot, base, recordCount)
    const producerId = producerIdAt(batch, 0)
    if (producerId === 0) return undefined
    const epoch = producerEpochAt(batch, 0)
    const first = firstProducerSequenceAt(batch, 0)
    const name = `${slot}/${producerId}`
    const seen = this.#seen.get(name)
    const arrival = arrivalTimeAt(batch, 0)
    this.#seen.set(name, { epoch, next: first + recordCount, gaps, arrival })
    // An owner that forgot an idle producer accepts its batches from 0 again.
    if (seen !== undefined && first === 0 && this.#mayBeForgotten(arrival - seen.arrival)) return undefined
    if (seen !== undefined && epoch < seen.epoch)
      return `Its producer's epoch ${epoch} is older than ${seen.epoch}.`
    const expected = seen !== undefined && epoch === seen.epoch ? seen.next : 0
    // If batches were removed since the producer's last batch, some may have been the producer's.
    const mayBeMissing = !this.#isWhole && (seen === undefined || seen.gaps < gaps)
    if (first === expected || (mayBeMissing && first > expected)) return undefined
    return `Producer ${producerId} gave it the numbers from ${first} on; ${expected} was next.`
  }

  /** An owner may forget producers that are idle for long; at a start with too many producers, others as well. */
  #mayBeForgotten(silentMs: number): boolean {
    return silentMs >= limits.producerIdleMsMin || this.#seen.size > limits.producersPerOwnerMax
  }

  /** Counts the gaps before this batch in its shard. */
  #countGaps(slot: number, base: number, recordCount: number): number {
    const before = this.#slots.get(slot)
    const gaps = (before?.gaps ?? 0) + (before !== undefined && before.next !== base ? 1 : 0)
    this.#slots.set(slot, { next: base + recordCount, gaps })
    return gaps
  }
}

/** Checks a segment's producer rows against the batches in the same segment. */
export function checkProducerRows(
  environment: Environment,
  heads: ReadonlyMap<number, HeadRow>,
  { findings, where: segment }: { findings: Findings; where: string },
): void {
  for (const { key, value } of allRows(environment, 'producer')) {
    const { slot, producerId } = decodeKey('producer', key)
    const where = `${segment}, slot ${slot}, producer ${producerId}`
    const row = decodeRow('producer', key, value)
    const head = heads.get(slot)
    if (row === undefined || row.entries.length === 0) findings.problem(where, 'Its row is damaged.')
    else if (head === undefined) findings.problem(where, 'Its shard has no head.')
    else {
      checkWindow(row, { findings, where })
      for (const entry of row.entries) {
        // Batches of earlier segments were checked there.
        if (entry.base < head.first || isStoredAs(environment, { slot, producerId, row, entry })) continue
        findings.problem(where, `Its window names batch ${entry.base}, which is not the one stored there.`)
      }
    }
  }
}

function checkWindow(row: ProducerRow, { findings, where }: { findings: Findings; where: string }): void {
  let next = row.entries[0]!.firstSequence
  for (const { firstSequence, recordCount } of row.entries) {
    if (firstSequence !== next) findings.problem(where, `Its window has a gap before ${firstSequence}.`)
    next = firstSequence + recordCount
  }
  findings.expect(where, 'nextSequence', { found: row.nextSequence, expected: next })
  findings.expect(where, 'usedAt', { found: row.usedAt, expected: row.entries.at(-1)!.arrival })
}

function isStoredAs(
  environment: Environment,
  {
    slot,
    producerId,
    row,
    entry,
  }: { slot: number; producerId: number; row: ProducerRow; entry: WindowEntry },
): boolean {
  const batch = environment.peek(encodeKey('batch', slot, entry.base))
  return (
    batch !== undefined &&
    checkStoredBatch(batch, entry.base) === undefined &&
    producerIdAt(batch, 0) === producerId &&
    producerEpochAt(batch, 0) === row.epoch &&
    firstProducerSequenceAt(batch, 0) === entry.firstSequence &&
    recordCountAt(batch, 0) === entry.recordCount &&
    bodyCrcAt(batch, 0) === entry.bodyCrc &&
    arrivalTimeAt(batch, 0) === entry.arrival
  )
}
