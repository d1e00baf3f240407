// Collects one shard's extent from a segment's batches, batch by batch, and compares it with the rows beside them. Runs
// in the checking process. A damaged batch is reported once; totals that are wrong because of it are not.
import { arrivalTimeAt, recordCountAt } from '../../../protocol/batch/batch.ts'
import { decodeKey, decodeRow, rangeOf, type HeadRow } from '../rows/key-space.ts'
import type { Environment } from '../environment.ts'
import { isTimeIndexDue } from '../append/shard-log.ts'
import type { Findings } from './findings.ts'

export class ShardInSegment {
  readonly #findings: Findings
  readonly #where: string
  /** The stored time index: arrival */
  readonly #index: Map<number, number>
  #first: number | undefined
  #next = 0
  #firstArrival = 0
  #lastArrival = 0
  #bytes = 0
  #batches = 0
  #isDamaged = false
  #indexedAt: number | undefined
  #bytesSinceIndexed = 0

  constructor(environment: Environment, slot: number, options: { findings: Findings; where: string }) {
    this.#findings = options.findings
    this.#where = options.where
    this.#index = readIndex(environment, slot, options)
  }

  /** Skips a batch whose bytes are damaged: its content is unknown. */
  addDamaged(base: number, fault: string): void {
    this.#findings.problem(`${this.#where}, batch ${base}`, fault)
    this.#isDamaged = true
  }

  /** Adds the next batch, in the order of numbers; its bytes are verified. */
  add(base: number, batch: Uint8Array): void {
    const where = `${this.#where}, batch ${base}`
    const arrival = arrivalTimeAt(batch, 0)
    this.#first ??= base
    if (this.#batches === 0) {
      this.#firstArrival = arrival
    } else if (base < this.#next) {
      this.#findings.problem(where, `It overlaps the batch before it, which ends before ${this.#next}.`)
    } else if (base > this.#next && !this.#isDamaged) {
      this.#findings.problem(where, `The numbers from ${this.#next} up to it are missing.`)
    }
    if (arrival < this.#lastArrival) {
      this.#findings.problem(
        where,
        `It arrived at ${arrival}, before the one before it, at ${this.#lastArrival}.`,
      )
    }
    this.#checkIndexed(where, base, arrival)
    this.#bytesSinceIndexed += batch.length
    this.#next = base + recordCountAt(batch, 0)
    this.#lastArrival = arrival
    this.#bytes += batch.length
    this.#batches++
  }

  #checkIndexed(where: string, base: number, arrival: number): void {
    if (this.#index.get(arrival) === base) {
      this.#index.delete(arrival)
      this.#indexedAt = arrival
      this.#bytesSinceIndexed = 0
      return
    }
    const sinceMs = this.#indexedAt === undefined ? undefined : arrival - this.#indexedAt
    // After a reopening, a later batch of the same millisecond may have overwritten the index row.
    const isMissing = isTimeIndexDue(sinceMs, this.#bytesSinceIndexed) && !this.#index.has(arrival)
    if (isMissing && !this.#isDamaged) this.#findings.problem(where, 'It is missing from the time index.')
  }

  /** Compares the shard's head with the batches, after all batches were added. */
  checkHead(head: HeadRow | undefined): void {
    if (this.#isDamaged) return
    if (head === undefined) return this.#findings.problem(this.#where, 'It has batches and no head.')
    const expected = {
      first: this.#first ?? head.first,
      next: this.#next,
      firstArrival: this.#firstArrival,
      lastArrival: this.#lastArrival,
      bytes: this.#bytes,
      batches: this.#batches,
    }
    for (const [name, value] of Object.entries(expected)) {
      const found = head[name as keyof typeof expected]
      this.#findings.expect(`${this.#where}, head`, name, { found, expected: value })
    }
  }

  /** Index rows that remain name batches that do not exist. */
  checkIndexRest(): void {
    if (this.#isDamaged) return
    for (const [arrival, base] of this.#index) {
      this.#findings.problem(
        this.#where,
        `Its time index names batch ${base} at ${arrival}; no such batch is there.`,
      )
    }
  }
}

function readIndex(
  environment: Environment,
  slot: number,
  { findings, where }: { findings: Findings; where: string },
): Map<number, number> {
  const index = new Map<number, number>()
  for (const { key, value } of environment.rows(rangeOf('time', slot), Infinity)) {
    const { arrival } = decodeKey('time', key)
    const row = decodeRow('time', key, value)
    if (row === undefined) findings.problem(where, `Its time index at ${arrival} is damaged.`)
    else index.set(arrival, row.base)
  }
  return index
}
