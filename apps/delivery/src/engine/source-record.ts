// A record of the source as the middle of a delivery sees it. Pure, types only. Bytes are views that nobody changes.

/** What a function has given for a record, beside its data. */
export interface FunctionAnswered {
  readonly partitionKeys: Readonly<Record<string, string>>
}

/** What an error document says of where a record comes from. */
export interface RecordOrigin {
  readonly shardId: string
  readonly sequenceNumber: number
  /** Place within the record of the stream, where that one held several. */
  readonly subSequence?: number
  readonly partitionKey: string
  /** When the broker took it, in milliseconds. */
  readonly arrivedAt: number
}

export interface SourceRecord extends RecordOrigin {
  readonly explicitHashKey?: string
  readonly data: Uint8Array
  readonly headers?: Readonly<Record<string, Uint8Array>>
  /** Of one that is replayed: the function has had it, and has given these keys. It is not called again. */
  readonly transformed?: FunctionAnswered
}
