// Hands an owner's answer on to producers, the tail cache and readers. Host main thread.
// A group is settled within one turn: extents advance in the order of sequence numbers, stored batches become readable in
// memory, acknowledgements leave, and at the end of the turn readers are woken. A batch that is not stored is never readable.
import { errorCodeOf, errorCodes, type ErrorCode } from '../../../protocol/error-codes.ts'
import {
  batchLengthAt,
  firstProducerSequenceAt,
  producerIdAt,
  recordCountAt,
} from '../../../protocol/batch/batch.ts'
import { invariant } from '../../../protocol/invariant.ts'
import { limits } from '../../../protocol/limits.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { checkSentBatch } from '../../../protocol/batch/record-walk.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import { ENTRY_FIELDS, RESULT_FIELDS } from '../../threads/append-fields.ts'
import type { AppendOutcome } from '../../threads/owner-contract.ts'
import { hostLimits } from '../host-limits.ts'
import type { HostedShard } from '../shards/hosted-shard.ts'
import type { CachedArena, StoredBatch } from '../tail/shard-tail.ts'
import type { TailCache } from '../tail/tail-cache.ts'
import type { Time } from '../../time.ts'
import type { ShardWakes } from '../shards/shards-contract.ts'
import { refused, stored } from './append-answer.ts'
import type { PackedGroup, SentBatch } from './append-group.ts'
import { payloadBytesAt } from '../../../protocol/batch/payload.ts'

export interface AppendSettlementOptions {
  readonly cache: TailCache
  readonly wakes: ShardWakes
  readonly metrics: Instruments
  readonly time: Pick<Time, 'elapsed'>
}

export class AppendSettlement {
  readonly #options: AppendSettlementOptions

  constructor(options: AppendSettlementOptions) {
    this.#options = options
  }

  /** Called when the owner has answered. */
  settle({ group, batches, bytes }: PackedGroup, { arena: buffer, results }: AppendOutcome): void {
    const { cache, metrics, time } = this.#options
    const now = time.elapsed()
    invariant(buffer.byteLength === bytes, 'an owner gave back another arena than it was given')
    invariant(results.length === batches.length * RESULT_FIELDS, 'an owner answered for another group')
    const arena = cache.arena(buffer)
    let storedBatches = 0
    let storedRecords = 0
    let storedBytes = 0
    let duplicates = 0
    for (let i = 0; i < batches.length; i++) {
      const batch = batches[i]!
      const code = results[i * RESULT_FIELDS]!
      const base = results[i * RESULT_FIELDS + 1]!
      const arrivalTime = results[i * RESULT_FIELDS + 2]!
      const offset = group.entries[i * ENTRY_FIELDS + 1]!
      const length = group.entries[i * ENTRY_FIELDS + 2]!
      if (code !== 0) {
        this.#refuse(batch, errorCodeOf(code), arena.bytes, offset)
        continue
      }
      if (results[i * RESULT_FIELDS + 3] === 1) {
        duplicates++
        giveBack(batch.shard, arena.bytes, offset)
      } else {
        const recordCount = recordCountAt(arena.bytes, offset)
        storedBatches++
        storedRecords += recordCount
        storedBytes += length
        batch.shard.load.stored(payloadBytesAt(arena.bytes, offset), recordCount, now)
        this.#show(batch, arena, { offset, length, base, recordCount, arrivalTime })
      }
      batch.answer.settle(batch.index, stored(base, arrivalTime))
    }
    cache.add(arena)
    metrics.millrace_appended_batches_total.add(storedBatches)
    metrics.millrace_appended_records_total.add(storedRecords)
    metrics.millrace_appended_bytes_total.add(storedBytes)
    metrics.millrace_duplicate_batches_total.add(duplicates)
  }

  /** Called when the call failed. Its outcome is unknown, unless it never left this thread. */
  fail({ batches }: PackedGroup, error: unknown): void {
    const neverSent = MillraceError.is(error, 'unavailable')
    const code = neverSent ? 'unavailable' : 'outcomeUnknown'
    const message = error instanceof Error ? error.message : String(error)
    const result = refused(code, message.slice(0, 500))
    for (const { answer, index } of batches) answer.settle(index, result)
    this.#options.metrics.millrace_refused_batches_total.add(batches.length, code)
  }

  /** Makes a flushed batch readable. */
  #show({ shard }: SentBatch, arena: CachedArena, batch: StoredBatch): void {
    if (!shard.served) return // the shard was dropped meanwhile
    shard.advance(batch)
    arena.push(shard.cached, batch)
    this.#options.wakes.mark(shard)
  }

  #refuse(batch: SentBatch, code: ErrorCode, bytes: Uint8Array, offset: number): void {
    const { shard } = batch
    giveBack(shard, bytes, offset)
    const message =
      code === 'shardClosed'
        ? shard.closedText
        : (faultText(code, bytes, offset) ??
          refusalText(code, shard.label, producerIdAt(bytes, offset), firstProducerSequenceAt(bytes, offset)))
    const retryAfterMs = retryAfterMsOf(code)
    batch.answer.settle(batch.index, refused(code, message, retryAfterMs))
    this.#options.metrics.millrace_refused_batches_total.add(1, code)
  }
}

/**
 * Gives back what a batch that was not stored took from the limits. Otherwise a producer's later batches, which the owner
 * refuses because an earlier one was refused for throughput, would use up the balance that the earlier one waits for.
 */
function giveBack({ writeThrottle }: HostedShard, bytes: Uint8Array, at: number): void {
  writeThrottle?.give(payloadBytesAt(bytes, at), recordCountAt(bytes, at))
}

/** Returns how long to wait after a refusal. An owner without room has none a millisecond later either. */
function retryAfterMsOf(code: ErrorCode): number | undefined {
  if (code === 'storageFull') return hostLimits.storageFullRetryMs
  const isFull = code === 'overloaded' || code === 'tooManyProducers'
  return isFull ? hostLimits.overloadedRetryMsMax : undefined
}

/** Searches the batch again for the fault that the owner found in its records, to describe it in a sentence. */
function faultText(code: ErrorCode, bytes: Uint8Array, offset: number): string | undefined {
  if (code !== 'invalidBatch') return undefined
  return checkSentBatch(bytes.subarray(offset, offset + batchLengthAt(bytes, offset)))?.message
}

/** Returns the message for an owner's code: what was refused, and what to do. */
function refusalText(code: ErrorCode, shard: string, producerId: number, firstSequence: number): string {
  switch (code) {
    case 'outOfOrderSequence':
      return `${shard}: what producer ${producerId} sent before its sequence ${firstSequence} is not stored. Send that first.`
    case 'producerFenced':
      return `${shard}: producer ${producerId} has written with a newer epoch. This one must stop.`
    case 'duplicateTooOld':
      return `${shard}: sequence ${firstSequence} of producer ${producerId} was stored before, too long ago to say where.`
    case 'producerUnproven':
      return `${shard}: producer ${producerId} is another one's, with another secret. Write under a new id and secret.`
    case 'sequenceReused':
      return `${shard}: producer ${producerId} has stored other content under its sequence ${firstSequence}. Send new records under new numbers.`
    case 'corruptBatch':
      return "The batch's bytes do not match its checksum. Send it again."
    case 'storageFull':
      return 'Free disk space is below the floor. Appends are taken again when there is room.'
    case 'tooManyProducers':
      return (
        `${shard}: its owner has no room for producer ${producerId}. It remembers ${limits.producersPerOwnerMax} producers, of one ` +
        `principal, session or address a share, and forgets none that was silent for less than ${limits.producerIdleMsMin / 60_000} minutes. ` +
        'Use fewer producers, each for longer.'
      )
    case 'overloaded':
      return `${shard}: its owner has no room for more bytes that wait.`
    case 'shardNotFound':
      return `${shard} is no longer served here.`
    default:
      return `${shard}: ${errorCodes[code].doc}`
  }
}
