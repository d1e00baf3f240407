// Appends of single records: the options and results of `put` and `putMany`, over the producers behind them. Runs in the client.
import { encodePayload, resolveEncoder, type BytesInput, type EncoderOption } from '../codecs.ts'
import { asMillraceError } from '../errors.ts'
import { checkArgument, checkOptions } from '../options/check.ts'
import { checkRecord, type RecordInput } from '../record.ts'
import type { CallOptions } from '../settings.ts'
import { abortedBy, unlessAborted } from '../waiting.ts'
import type { Acknowledgement, PutResult } from './acknowledgement.ts'
import type { Putters } from './buffer/putters.ts'
import { notSent } from './delivery/waits.ts'

/** Options of `put` for data that a codec encodes. */
export interface PutOptions<In> extends CallOptions {
  /** Encodes data. Without a codec, data is bytes, or text that is sent as UTF-8. */
  readonly codec: EncoderOption<In>
}

/** `put` and `putMany` of a client. */
export class Puts {
  readonly #putters: Putters

  constructor(putters: Putters) {
    this.#putters = putters
  }

  /** Appends one record. */
  async put<In>(
    stream: string,
    record: RecordInput<In>,
    options: Partial<PutOptions<In>>,
  ): Promise<Acknowledgement> {
    checkArgument('stream', stream)
    checkOptions('put', options)
    checkRecord(record)
    return this.#putters.put(stream, encodeData(record, options.codec), options.signal)
  }

  /** Appends records, each with a result of its own. */
  async putMany<In>(
    stream: string,
    records: Iterable<RecordInput<In>>,
    options: Partial<PutOptions<In>>,
  ): Promise<PutResult[]> {
    checkArgument('stream', stream)
    checkArgument('records', records)
    checkOptions('putMany', options)
    const { codec, signal } = options
    const results: Promise<PutResult>[] = []
    try {
      await this.#putters.ready(stream, signal)
      for (const record of records) {
        results.push(
          resultOf(async () => {
            checkRecord(record)
            return this.#putters.put(stream, encodeData(record, codec))
          }),
        )
        await this.#putters.ready(stream, signal)
      }
      return await unlessAborted(Promise.all(results), signal)
    } catch (error) {
      if (signal?.aborted !== true) throw error
      if (results.length === 0) throw notSent(abortedBy(signal))
      throw abortedBy(signal, 'Records that were taken before may be stored, or may become so.')
    }
  }
}

async function resultOf(send: () => Promise<Acknowledgement>): Promise<PutResult> {
  try {
    return { ok: true, acknowledgement: await send() }
  } catch (error) {
    return { ok: false, error: asMillraceError(error) }
  }
}

/** Encodes the data of a record for the producer behind `put`, which takes bytes only. Throws `codecFailed`. */
function encodeData<In>(
  record: RecordInput<In>,
  option: EncoderOption<In> | undefined,
): RecordInput<BytesInput> {
  // The signatures without a codec take only bytes or text.
  if (option === undefined) return record as RecordInput<unknown> as RecordInput<BytesInput>
  // The data is copied, because another put may let the codec reuse its memory before the producer takes it. slice() would not
  // do: of a Buffer it is a view.
  const data = new Uint8Array(encodePayload(resolveEncoder(option), record))
  // By name: a record may have its fields from a class, and a spread would lose them.
  const { partitionKey, explicitHashKey, timestamp, headers } = record
  return { partitionKey, data, explicitHashKey, timestamp, headers }
}
