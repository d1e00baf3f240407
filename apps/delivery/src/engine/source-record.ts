// A record of the source as the middle of a delivery sees it. Pure, types only. Bytes are views that nobody changes.

export interface SourceRecord {
  readonly shardId: string
  readonly sequenceNumber: number
  /** Place within the record of the stream, where that one held several. */
  readonly subSequence?: number
  readonly partitionKey: string
  readonly explicitHashKey?: string
  readonly data: Uint8Array
  readonly headers?: Readonly<Record<string, Uint8Array>>
  /** When the broker took it, in milliseconds. */
  readonly arrivedAt: number
}
