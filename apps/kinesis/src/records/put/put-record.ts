// PutRecord: one record, answered when it is on disk. Runs in the endpoint.
import { MillraceError } from 'millrace'
import { placeOf } from '../../book/stream-view.ts'
import type { Call } from '../../call.ts'
import { normalSequenceNumber, parseKinesisSequenceNumber } from '../../identifiers/sequence-number.ts'
import { KinesisError } from '../../model/errors.ts'
import type { OutputOf } from '../../model/operations.ts'
import { asKinesisError } from '../../native-errors.ts'
import { endDryRun } from '../dry-run.ts'
import type { RecordsContext } from '../parts.ts'
import { admissionTo } from './admission.ts'
import { checkEntries, recordOf } from './entries.ts'
import { readyProducer, sequenceNumberOf, streamOf, throttledError, writableStream } from './writable.ts'

/**
 * Stores a record. Its number is above that of every record of its shard that was answered before, so SequenceNumberForOrdering has
 * nothing to do; it is only checked.
 */
export async function putRecord(
  context: RecordsContext,
  call: Call<'PutRecord'>,
): Promise<OutputOf<'PutRecord'>> {
  const { book, streams, settings } = context
  const { input } = call
  const name = book.nameOf(call)
  const stream = await writableStream(context, call, name)
  const facts = streams.facts(stream)
  checkEntries([input], facts, () => '')
  if (input.SequenceNumberForOrdering !== undefined) {
    checkOrdering(context, input.SequenceNumberForOrdering, name, facts.distribution)
  }
  await endDryRun(context, call, 'write', name)
  const producer = await readyProducer(context, call, stream)
  const place = placeOf(call, settings.account, name)
  const record = recordOf(input, facts)
  const refusal = admissionTo(context, stream, place)?.(input, record)
  if (refusal !== undefined) throw refusal
  const stored = await producer.send(record).catch((error: unknown) => {
    const isThrottled = MillraceError.is(error, 'provisionedThroughputExceeded')
    throw isThrottled ? throttledError(error, place) : asKinesisError(error, place)
  })
  const taker = await streamOf(context, call, stream, stored)
  return {
    ShardId: stored.shardId,
    SequenceNumber: sequenceNumberOf(taker, stored),
    ...(facts.encryption === undefined ? {} : { EncryptionType: 'KMS' }),
  }
}

function checkOrdering(
  { settings, now }: RecordsContext,
  text: string,
  name: string,
  distribution: 'AUTO' | 'USER_PARTITION_KEY',
): void {
  if (distribution === 'AUTO') {
    const message = `SequenceNumberForOrdering cannot be used: stream ${name} distributes its records itself.`
    throw new KinesisError('InvalidArgumentException', message)
  }
  const parsed = parseKinesisSequenceNumber(text)
  if (parsed !== undefined && parsed.arrivalSeconds * 1000 <= now()) return
  const message =
    `ExclusiveMinimumSequenceNumber ${normalSequenceNumber(text)} used in PutRecord on stream ${name} ` +
    `under account ${settings.account} is invalid.`
  throw new KinesisError('InvalidArgumentException', message)
}
