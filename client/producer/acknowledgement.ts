// What a producer answers about stored records: one by one, and by the batch. Runs in the client, pure.
import type { AppendAttempt, MillraceError } from '../../protocol/millrace-error.ts'
import type { AppendResult } from '../../protocol/operations.ts'

/** What the broker promises about one record. */
export interface Acknowledgement {
  /** The `id` of the stream: one that was deleted and made again under the name has another. */
  readonly streamId: number
  /** The shard that stores it. */
  readonly shardId: string
  /** Its place in the shard. */
  readonly sequenceNumber: number
  /** When the broker took it. */
  readonly arrivalTime: Date
  /** 'disk' says that it was flushed to the device. */
  readonly durability: AppendResult['durability']
  /**
   * How it was tried, in the order of time, the last one with success: the first attempt and the newest ones, if there were
   * more than 16. All records of a batch have one array, which is frozen.
   */
  readonly attempts: readonly AppendAttempt[]
}

/** What the broker promises about the records of one batch: numbers rise by one. */
export interface BatchAcknowledgement {
  /** The `id` of the stream. */
  readonly streamId: number
  /** The shard that stores them. */
  readonly shardId: string
  /** Place of the first record in the shard; the others follow it. */
  readonly firstSequenceNumber: number
  /** Records in the batch. */
  readonly recordCount: number
  /** When the broker took them. */
  readonly arrivalTime: Date
  /** 'disk' says that they were flushed to the device. */
  readonly durability: AppendResult['durability']
  /** How the batch was tried, the last one with success; frozen. Of more than 16, the first and the newest ones. */
  readonly attempts: readonly AppendAttempt[]
}

/** What became of one of many records that were given together. */
export type PutResult =
  | { readonly ok: true; readonly acknowledgement: Acknowledgement }
  | { readonly ok: false; readonly error: MillraceError }
