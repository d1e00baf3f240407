// One turn's appends while they are with the owner: the bytes as they came, and the answer to each batch. Runs on the owner thread.
// Every batch gets exactly one answer, and a batch is never refused by throwing: the others of its group go on.
// staging.ts decides what the answers are.
import { errorCodes, type ErrorCode } from '../../../protocol/error-codes.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { ENTRY_FIELDS, RESULT_FIELDS } from '../../threads/append-fields.ts'
import type { AppendGroup, AppendOutcome } from '../../threads/owner-contract.ts'

const STORED = 0

/** Where a stored batch lies, and when it arrived. */
interface StoredAt {
  readonly base: number
  readonly arrival: number
}

export class PendingAppend {
  readonly bytes: number
  /** When the batches arrived, by the clock of the host. */
  readonly now: number
  /** Fulfils when all batches are answered. */
  readonly outcome: Promise<AppendOutcome>
  /** The batches, in the order in which they came: views of one arena, which goes back to the host. */
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

  /** The shard for which a batch is meant. */
  slotOf(i: number): number {
    return this.#entries[i * ENTRY_FIELDS]!
  }

  /** What the host has found out about the producer of a batch: the tag that it has proven, and where it writes from. */
  provenOf(i: number): { tag: number; session: number; address: number } {
    const at = i * ENTRY_FIELDS
    return { tag: this.#entries[at + 3]!, session: this.#entries[at + 4]!, address: this.#entries[at + 5]! }
  }

  isRefused(i: number): boolean {
    return this.#results[i * RESULT_FIELDS] !== STORED
  }

  /** The batch is not stored, and this is why. */
  refuse(i: number, code: ErrorCode): void {
    this.#result(i, errorCodes[code].id, { base: 0, arrival: 0 }, 0)
  }

  /** The batch is stored there, once its commit is flushed. */
  store(i: number, at: StoredAt): void {
    this.#result(i, STORED, at, 0)
  }

  /** The batch repeats one that is stored there. */
  repeat(i: number, at: StoredAt): void {
    this.#result(i, STORED, at, 1)
  }

  /** Answers all: stored, repeated or refused, as was found while they were staged. */
  settle(): void {
    this.#answer({ arena: this.#arena, results: this.#results })
  }

  /** Answers with this code every batch that was not refused before: none of those can have been stored. */
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
