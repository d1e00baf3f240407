// One turn's appends while they are with the owner: checked when they arrive, staged when their commit is put together,
// answered when it is settled. Runs on the owner thread. Every batch gets exactly one answer, and a batch is never
// refused by throwing: the others of its group go on.
import {
  bodyCrcAt,
  firstProducerSequenceAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
  stampBatch,
} from '../../../protocol/batch.ts'
import { errorCodes, type ErrorCode } from '../../../protocol/error-codes.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { checkSentBatch } from '../../../protocol/record-walk.ts'
import { ENTRY_FIELDS, RESULT_FIELDS } from '../../threads/append-fields.ts'
import type { AppendGroup, AppendOutcome } from '../../threads/owner-contract.ts'
import type { CommitPlan } from './commit-plan.ts'
import { decideOnBatch, type ProducerRefusal } from './producer-table.ts'
import type { ShardTable } from './shard-table.ts'

const STORED = 0

/** What a commit is put together from, and into. */
export interface Staging {
  readonly table: ShardTable
  readonly plan: CommitPlan
  /** There is no room on the disk: only what is stored already is answered as stored. */
  readonly isFull: boolean
}

export class PendingAppend {
  readonly bytes: number
  readonly outcome: Promise<AppendOutcome>
  readonly #now: number
  readonly #arena: ArrayBuffer
  readonly #entries: Float64Array
  readonly #batches: Uint8Array[] = []
  readonly #results: Float64Array
  #answer!: (outcome: AppendOutcome) => void

  constructor({ arena, entries, now }: AppendGroup) {
    invariant(
      entries.length % ENTRY_FIELDS === 0,
      'an append group has a whole number of fields for each batch',
    )
    const count = entries.length / ENTRY_FIELDS
    this.bytes = arena.byteLength
    this.#now = now
    this.#arena = arena
    this.#entries = entries
    this.#results = new Float64Array(count * RESULT_FIELDS)
    for (let i = 0; i < count; i++) {
      const offset = entries[i * ENTRY_FIELDS + 1]!
      const length = entries[i * ENTRY_FIELDS + 2]!
      invariant(offset + length <= arena.byteLength, 'a batch of an append group lies outside its arena')
      this.#batches.push(new Uint8Array(arena, offset, length))
    }
    this.outcome = new Promise((resolve) => {
      this.#answer = resolve
    })
  }

  get batchCount(): number {
    return this.#batches.length
  }

  /** Checks each batch's bytes and records. Costs two passes over them, so it is done while an earlier commit runs. */
  check(): void {
    for (const [i, batch] of this.#batches.entries()) {
      const fault = checkSentBatch(batch)
      if (fault !== undefined) this.#refuse(i, fault.code)
    }
  }

  /** Gives every batch that is not refused its number and its place in the plan. */
  stage(staging: Staging): void {
    for (let i = 0; i < this.#batches.length; i++) {
      if (this.#results[i * RESULT_FIELDS] === STORED) this.#stageBatch(i, staging)
    }
  }

  #stageBatch(i: number, { table, plan, isFull }: Staging): void {
    const now = this.#now
    const entry = i * ENTRY_FIELDS
    const slot = this.#entries[entry]!
    const batch = this.#batches[i]!
    const log = table.opened(slot)
    if (log === undefined) return this.#refuse(i, 'shardNotFound')
    const recordCount = recordCountAt(batch, 0)
    const producerId = producerIdAt(batch, 0)
    const base = log.tail
    if (producerId === 0) {
      if (log.isClosed) return this.#refuse(i, 'shardClosed')
      if (isFull) return this.#refuse(i, 'storageFull')
      table.stage(log, plan, base, batch, recordCount, now)
    } else {
      const from = {
        tag: this.#entries[entry + 3]!,
        session: this.#entries[entry + 4]!,
        address: this.#entries[entry + 5]!,
        epoch: producerEpochAt(batch, 0),
        firstSequence: firstProducerSequenceAt(batch, 0),
        recordCount,
        bodyCrc: bodyCrcAt(batch, 0),
      }
      const known = log.producers?.get(producerId)
      const decision = decideOnBatch(known, from)
      if (decision !== 'store') {
        if (typeof decision === 'string')
          return this.#refuse(i, log.isClosed ? refusalAtClosed(decision) : decision)
        return this.#result(i, { code: STORED, base: decision.base, arrival: decision.arrival, duplicate: 1 })
      }
      if (log.isClosed) return this.#refuse(i, 'shardClosed')
      if (isFull) return this.#refuse(i, 'storageFull')
      if (known === undefined && !table.admitsProducer(from)) return this.#refuse(i, 'tooManyProducers')
      table.stage(log, plan, base, batch, recordCount, now)
      table.storeProducer(log, plan, producerId, from, base)
    }
    stampBatch(batch, base, log.lastArrival)
    this.#result(i, { code: STORED, base, arrival: log.lastArrival, duplicate: 0 })
  }

  /** Answers all: stored, duplicate or refused, as found while staging. */
  settle(): void {
    this.#answer({ arena: this.#arena, results: this.#results })
  }

  /** Answers with this code every batch that was not refused before: none of those can have been stored. */
  settleAs(code: ErrorCode): void {
    for (let i = 0; i < this.#batches.length; i++) {
      if (this.#results[i * RESULT_FIELDS] === STORED) this.#refuse(i, code)
    }
    this.settle()
  }

  #refuse(i: number, code: ErrorCode): void {
    this.#result(i, { code: errorCodes[code].id, base: 0, arrival: 0, duplicate: 0 })
  }

  #result(
    i: number,
    { code, base, arrival, duplicate }: Record<'code' | 'base' | 'arrival' | 'duplicate', number>,
  ): void {
    const at = i * RESULT_FIELDS
    this.#results[at] = code
    this.#results[at + 1] = base
    this.#results[at + 2] = arrival
    this.#results[at + 3] = duplicate
  }
}

/** A batch of which something may lie in a closed shard must not be stored in its children, too; any other begins there anew. */
function refusalAtClosed(refusal: ProducerRefusal): ErrorCode {
  return refusal === 'outOfOrderSequence' ? 'shardClosed' : refusal
}
