// A record that could not be delivered, and why: what becomes a line of an error document. Pure, types only.
import type { FunctionAnswered, RecordOrigin, SourceRecord } from '../engine/source-record.ts'

/** Firehose's `error-output-type`: it stands in the names of error documents. */
export type ErrorType = 'processing-failed' | 'format-conversion-failed' | 'http-endpoint-failed'

export interface ErrorRecord<Origin extends RecordOrigin = SourceRecord> {
  readonly type: ErrorType
  /** The record of the stream that it comes from. */
  readonly origin: Origin
  /** What is delivered when the document is replayed: the source's data; of an encoder, the record as it was to be encoded. */
  readonly rawData: Uint8Array
  /** The raw data is what the function made of the record. */
  readonly transformed?: FunctionAnswered
  readonly attemptsMade: number
  /** As Firehose writes it: `Lambda.FunctionError`, `DataFormatConversion.ParseError`. */
  readonly code: string
  readonly message: string
  /** When the last attempt ended, in milliseconds. */
  readonly endedAt: number
  /** The function that was called, by name or url. */
  readonly function?: string
}
