// One turn's appends at their owner: the batches as received, and the answer to each. Runs on the owner thread. Every
// batch gets exactly one answer. A refused batch never throws, so the rest of its group continues. staging.ts decides
// the answers.
import { errorCodes, type ErrorCode } from '../../../protocol/error-codes.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { ENTRY_FIELDS, RESULT_FIELDS } from '../../threads/append-fields.ts'
import type { AppendGroup, AppendOutcome } from '../../threads/owner-contract.ts'

const STORED = 0

/** The position of a stored batch, and its arrival time. */
interface StoredAt {
  readonly base: number
  readonly arrival: number
}

export class PendingAppend {
  readonly bytes: number
  /** When the batches arrived, by the host's clock. */
  readonly now: number
  /** Fulfils when all batches are answered. */
  readonly outcome: Promise<AppendOutcome>
  /** Views of the batches in one arena, in order of arrival. The arena is returned to the host. */
  readonly batches: readonly Uint8Array[]
  readonly #arena: ArrayBuffer
  readonly #entries: Float64Array
  readonly #results: Float64Array
  #answer!: (outcome: AppendOutcome) => void

  constructor({ arena, entries, now }: AppendGroup) {
    invariant(
      entries.length % ENTRY_FIELDS === 0,
      'an append group has a whole number of fields for each batch',
    )
    const count = entries.length / ENTRY_FIELDS
    const batches: Uint8Array[] = []
    for (let i = 0; i < count; i++) {
      const offset = entries[i * ENTRY_FIELDS + 1]!
      const length = entries[i * ENTRY_FIELDS + 2]!
      invariant(offset + length <= arena.byteLength, 'a batch of an append group lies outside its arena')
      batches.push(new Uint8Array(arena, offset, length))
    }
    this.bytes = arena.byteLength
    this.now = now
    this.batches = batches
    this.#arena = arena
    this.#entries = entries
    this.#results = new Float64Array(count * RESULT_FIELDS)
    this.outcome = new Promise((resolve) => {
      this.#answer = resolve
    })
  }

  /** The slot of a batch's shard. */
  slotOf(i: number): number {
    return this.#entries[i * ENTRY_FIELDS]!
  }

  /** What the host knows of a batch's producer: its proven tags, its holder and address, and the quota of its holder. */
  provenOf(i: number): { tag: number; openTag: number; holder: number; address: number; most: number } {
    const at = i * ENTRY_FIELDS
    const entries = this.#entries
    return {
      tag: entries[at + 3]!,
      holder: entries[at + 4]!,
      address: entries[at + 5]!,
      openTag: entries[at + 6]!,
      most: entries[at + 7]!,
    }
  }

  isRefused(i: number): boolean {
    return this.#results[i * RESULT_FIELDS] !== STORED
  }

  /** Answers that the batch is not stored, with the reason. */
  refuse(i: number, code: ErrorCode): void {
    this.#result(i, errorCodes[code].id, { base: 0, arrival: 0 }, 0)
  }

  /** Answers that the batch is stored at `at`, after its commit is flushed. */
  store(i: number, at: StoredAt): void {
    this.#result(i, STORED, at, 0)
  }

  /** Answers that the batch repeats one stored at `at`. */
  repeat(i: number, at: StoredAt): void {
    this.#result(i, STORED, at, 1)
  }

  /** Sends the answers found by staging: stored, repeated or refused. */
  settle(): void {
    this.#answer({ arena: this.#arena, results: this.#results })
  }

  /**
   * Answers every batch that was not refused before with this code. Call it only if none of them can be known as
   * stored.
   */
  settleAs(code: ErrorCode): void {
    for (let i = 0; i < this.batches.length; i++) if (!this.isRefused(i)) this.refuse(i, code)
    this.settle()
  }

  #result(i: number, code: number, { base, arrival }: StoredAt, duplicate: 0 | 1): void {
    const at = i * RESULT_FIELDS
    this.#results[at] = code
    this.#results[at + 1] = base
    this.#results[at + 2] = arrival
    this.#results[at + 3] = duplicate
  }
}
