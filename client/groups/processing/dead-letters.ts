// Makes dead letters: records that failed in all attempts, as they are put into another stream. Runs in the client, pure.
import type { Encryption } from '../../encryption/encryption.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { quoteText } from '../../../protocol/text/text.ts'
import type { RecordInput, StreamRecord } from '../../record.ts'
import { errorText } from '../error-text.ts'
import type { GroupSettings } from '../options.ts'
import type { LeasedShard } from './leased-shard.ts'

/**
 * Makes a dead letter of a record: its key, bytes and headers, and headers that give its origin and the error:
 * `millrace-group`, `millrace-stream`, `millrace-shard`, `millrace-sequence-number`, `millrace-arrival-time`,
 * `millrace-attempts` and `millrace-error`.
 */
export function deadLetterOf(
  record: StreamRecord<unknown>,
  { group, shard, error, attempts }: { group: string; shard: LeasedShard; error: Error; attempts: number },
): RecordInput {
  return {
    partitionKey: record.partitionKey,
    data: record.bytes,
    timestamp: record.timestamp,
    headers: {
      ...record.headers,
      'millrace-group': group,
      'millrace-stream': shard.stream,
      'millrace-shard': record.shardId,
      'millrace-sequence-number': String(record.sequenceNumber),
      'millrace-arrival-time': record.arrivalTime.toISOString(),
      'millrace-attempts': String(attempts),
      'millrace-error': errorText(error),
    },
  }
}

/** Throws `invalidArgument` if records of an encrypted stream would be put into a stream that is not encrypted. */
export function checkDeadLetters(
  { onPoison, streams }: Pick<GroupSettings, 'onPoison' | 'streams'>,
  encryption: Encryption | undefined,
): void {
  if (encryption === undefined || typeof onPoison !== 'object' || encryption.isFor(onPoison.deadLetter))
    return
  const encrypted = streams.find(({ name }) => encryption.isFor(name))
  if (encrypted === undefined) return
  throw new MillraceError(
    'invalidArgument',
    `Records of ${quoteText(encrypted.name)} are encrypted, and ${quoteText(onPoison.deadLetter)} is not among the streams ` +
      'of encryption.streams: their dead letters would be stored in the open. Add it there.',
  )
}
