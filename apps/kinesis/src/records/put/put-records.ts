// PutRecords: up to 500 records, each with a result of its own. Runs in the endpoint.
// Records of one shard are stored in the order of the request. A refusal of one does not stop the others.
import { MillraceError, type Producer, type PutResult, type RecordInput } from 'millrace'
import { placeOf } from '../../book/stream-view.ts'
import type { Call } from '../../call.ts'
import { KinesisError } from '../../model/errors.ts'
import type { OutputOf } from '../../model/operations.ts'
import { asKinesisError, type ErrorPlace } from '../../native-errors.ts'
import { endDryRun } from '../dry-run.ts'
import type { KnownStream } from '../known-stream.ts'
import type { RecordsContext } from '../parts.ts'
import { admissionTo } from './admission.ts'
import { checkEntries, recordOf } from './entries.ts'
import { readyProducer, sequenceNumberOf, streamOf, throttledError, writableStream } from './writable.ts'

type Result = OutputOf<'PutRecords'>['Records'][number]
/** A KinesisError is of a record that was not sent. */
type Outcome = PutResult | { readonly ok: false; readonly error: KinesisError }

export async function putRecords(
  context: RecordsContext,
  call: Call<'PutRecords'>,
): Promise<OutputOf<'PutRecords'>> {
  const { book, streams, settings } = context
  const entries = call.input.Records
  const name = book.nameOf(call)
  const stream = await writableStream(context, call, name)
  const facts = streams.facts(stream)
  checkEntries(entries, facts, (index) => `records.${index + 1}.member.`)
  await endDryRun(context, call, 'write', name)
  const producer = await readyProducer(context, call, stream)
  const place = placeOf(call, settings.account, name)
  const admit = admissionTo(context, stream, place)
  const outcomes = await sendAll(
    producer,
    entries.map((entry) => {
      const record = recordOf(entry, facts)
      return admit?.(entry, record) ?? record
    }),
  )
  refuseWhole(outcomes, place)
  const results: Result[] = []
  let failed = 0
  let taker: KnownStream = stream
  for (const outcome of outcomes) {
    if (outcome.ok) {
      const { acknowledgement } = outcome
      const found = streamOf(context, call, taker, acknowledgement)
      // A wait for each of many records would cost more than all else about them.
      taker = found instanceof Promise ? await found : found
      results.push({
        ShardId: acknowledgement.shardId,
        SequenceNumber: sequenceNumberOf(taker, acknowledgement),
      })
    } else {
      failed++
      results.push(failureOf(outcome.error, place))
    }
  }
  return {
    FailedRecordCount: failed,
    Records: results,
    ...(facts.encryption === undefined ? {} : { EncryptionType: 'KMS' }),
  }
}

/** Sends records in their order, save those that are refused already; fulfils with what became of each, in the same order. */
async function sendAll(
  producer: Producer,
  records: readonly (RecordInput | KinesisError)[],
): Promise<Outcome[]> {
  const isSent = (record: RecordInput | KinesisError): record is RecordInput =>
    !(record instanceof KinesisError)
  const sent = await producer.sendMany(records.filter(isSent))
  const results = sent.values()
  return records.map((record) =>
    record instanceof KinesisError ? { ok: false, error: record } : results.next().value!,
  )
}

/** Throws if nothing was stored for a reason that concerns all: SDKs try such a request again, and never a single record. */
function refuseWhole(outcomes: readonly Outcome[], place: ErrorPlace): void {
  const [first] = outcomes
  if (first === undefined || first.ok || !(first.error instanceof MillraceError)) return
  if (first.error.code === 'provisionedThroughputExceeded') return
  const isFailure = (outcome: Outcome): boolean => !outcome.ok && outcome.error instanceof MillraceError
  if (outcomes.every(isFailure)) throw asKinesisError(first.error, place)
}

function failureOf(error: MillraceError | KinesisError, place: ErrorPlace): Result {
  if (error instanceof KinesisError || error.code === 'provisionedThroughputExceeded') {
    const { code, message } = error instanceof KinesisError ? error : throttledError(error, place)
    return { ErrorCode: code, ErrorMessage: message }
  }
  return { ErrorCode: 'InternalFailure', ErrorMessage: 'Internal Service Failure.' }
}
