// Deliveries as documents of the broker: what the app delivery carries out, and what every door to it writes (the command line, the
// Firehose API, a program). Types, and nothing that runs: an app reads them by the name of the package. A document of the kind
// `deliveries` has the delivery's name; whoever changes it puts it with the version that was read.

/** Kinds of documents that the app delivery reads and writes. */
export const deliveryKinds = {
  /** Definitions, by the name of the delivery. */
  definitions: 'deliveries',
  /** What the app says of a definition that it has taken on, by the name of the delivery. */
  verdicts: 'delivery-verdicts',
  /** What is prepared and written, by `name/streamId/shardIndex`. */
  progress: 'delivery-progress',
  /** Wishes that error documents are replayed, by the name of the delivery. */
  retries: 'delivery-retries',
} as const

/** Where a delivery begins in a stream. */
export type DeliveryStart = 'TRIM_HORIZON' | 'LATEST' | { readonly atTimestamp: number }

export interface DeliverySource {
  readonly stream: string
  readonly from: DeliveryStart
  /** The stream is the delivery's own: direct puts go to it, and it is deleted with the delivery if it has the name `NAME.delivery`. */
  readonly isOwn: boolean
  /** The id of its own stream, as it was made: no other one of that name is deleted. Left out while that is being made, and of others. */
  readonly streamId?: number
}

/** A directory of the machine that the app runs on. */
export interface DirectoryDestination {
  readonly type: 'directory'
  readonly path: string
}

export interface S3Destination {
  readonly type: 's3'
  readonly bucket: string
  readonly region?: string
  /** Url of a server that speaks S3; left out: AWS. */
  readonly endpoint?: string
  /** The bucket stands in the path and not in the host's name. Default: true with an endpoint. */
  readonly forcePathStyle?: boolean
  /** Left out: as all AWS SDKs find them in the app's environment. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** An HTTP endpoint that speaks Firehose's delivery protocol. */
export interface HttpDestination {
  readonly type: 'http'
  readonly url: string
  readonly accessKey?: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly contentEncoding: 'none' | 'gzip'
  /** How long a request is tried before its records go to the backup, in milliseconds. */
  readonly retryMs: number
}

export interface StreamDestination {
  readonly type: 'stream'
  readonly stream: string
}

export type DeliveryDestination = DirectoryDestination | S3Destination | HttpDestination | StreamDestination

/** A destination that takes objects: what can hold errors and backups. */
export type ObjectDestination = DirectoryDestination | S3Destination

export const deliveryCompressions = ['none', 'gzip', 'zip', 'snappy', 'hadoop-snappy', 'zstd'] as const
export type DeliveryCompression = (typeof deliveryCompressions)[number]

/** A column of Parquet: its name, and its type as DuckDB writes it (`BIGINT`, `VARCHAR`, `STRUCT(a INTEGER)`). */
export interface ParquetColumn {
  readonly name: string
  readonly type: string
}

export type DeliveryFormat =
  /** Records as they are, one behind the other, each followed by the delimiter where there is one. */
  | { readonly type: 'raw' }
  | {
      readonly type: 'parquet'
      /** Left out: inferred from each object's records. */
      readonly columns?: readonly ParquetColumn[]
      readonly compression: 'snappy' | 'gzip' | 'zstd' | 'none'
      readonly rowGroupBytes?: number
    }

export interface DeliveryPartitioning {
  /** What `!{partitionKeyFromQuery:name}` stands for: jq expressions over a record, by name. */
  readonly queries: Readonly<Record<string, string>>
  /** Partitions with records that wait, at most; beyond it, the one that waits longest is written early. */
  readonly partitionsMax: number
}

export interface DeliveryTransform {
  /** A function of the app functions, by name; or the url of an endpoint that answers as one. */
  readonly function: string
  readonly bufferBytes: number
  readonly bufferIntervalMs: number
  /** Calls after the first, where a call fails. */
  readonly retriesMax: number
}

/** How records that hold several are taken apart, before they are transformed. */
export type DeliveryDeaggregation =
  | { readonly type: 'kpl' }
  | { readonly type: 'json' }
  | { readonly type: 'delimited'; readonly delimiter: string }

export interface DeliveryDefinition {
  readonly createdAt: number
  readonly updatedAt: number
  /** 1 at creation; each change of the definition adds one. It stands in names of objects. */
  readonly version: number
  /** `making`: its own stream is being made, and nothing runs it; a door that was cut off in that goes on by making it again. */
  readonly state: 'making' | 'active' | 'paused' | 'deleting'
  readonly source: DeliverySource
  readonly destination: DeliveryDestination
  /** Names of objects begin with it; expressions `!{…}` as in Firehose. '' for none. */
  readonly prefix: string
  readonly errorPrefix: string
  /** IANA name. */
  readonly timeZone: string
  /** Ending of names, with its dot; left out: that of format and compression. */
  readonly extension?: string
  readonly buffer: { readonly bytes: number; readonly intervalMs: number }
  /** Written behind each record; '' for nothing. */
  readonly delimiter: string
  readonly compression: DeliveryCompression
  readonly format: DeliveryFormat
  readonly partitioning?: DeliveryPartitioning
  readonly transform?: DeliveryTransform
  readonly deaggregation?: readonly DeliveryDeaggregation[]
  /** Source records as they came, beside what is delivered. For the destination `http` also what could not be delivered. */
  readonly backup?: {
    readonly to: ObjectDestination
    readonly prefix: string
    readonly mode: 'all' | 'failed'
  }
  readonly tags: Readonly<Record<string, string>>
  /** What a door has to show again as it was given, by the door's name: `firehose`. Opaque to the app. */
  readonly asGiven?: Readonly<Record<string, unknown>>
}

/** A wish that error documents are replayed, and how far that is. */
export interface DeliveryRetry {
  /** Each wish has its own. */
  readonly id: string
  readonly requestedAt: number
  /** Documents whose names begin with it are replayed, those of the time of the wish. */
  readonly prefix: string
  readonly state: 'wanted' | 'running' | 'done' | 'failed'
  /** Documents that are replayed, and the records in them. */
  readonly documents: number
  readonly records: number
  /** Which copy of the app is at it, and when it was last heard of. */
  readonly by?: { readonly copy: string; readonly renewedAt: number }
  /** Why it failed. What is replayed stays so: the next wish goes on. */
  readonly reason?: string
}

/** What the app says of a version of a definition. */
export interface DeliveryVerdict {
  /** That of the definition. */
  readonly version: number
  readonly verdict: 'accepted' | 'refused'
  /** Why it is refused: what, where, and what to do. */
  readonly reason?: string
  readonly at: number
}
