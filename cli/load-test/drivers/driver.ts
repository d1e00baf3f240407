// What a load asks of the system that it loads. Millrace's own client is one; the app kinesis has another for Kinesis endpoints.

/** Called with the data of records as they are read: those of one key in the order of their shard. */
export type OnRecords = (data: readonly Uint8Array[]) => void

export interface LoadProducer {
  /** Appends a record; fulfils when it is acknowledged. Records of one key are stored in the order of the calls. */
  send(partitionKey: string, data: Uint8Array): Promise<unknown>
  /** Undefined while there is room for more; else a promise of it. It never rejects. */
  ready(): Promise<void> | undefined
  /** Ends it: what is not acknowledged fails. */
  close(): Promise<void>
}

export interface LoadReader {
  /** Rejects when the reader cannot go on; fulfils when it was stopped. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

export interface ReaderOptions {
  readonly stream: string
  /** The stream was made for this load, so that all of it is read; otherwise what is stored from now on. */
  readonly isNew: boolean
  readonly onRecords: OnRecords
}

export interface LoadDriver {
  /** Makes a stream, and fulfils when it takes records. */
  createStream(name: string, shards: number): Promise<void>
  /** Counts the open shards of a stream. Rejects if there is no such stream. */
  openShards(name: string): Promise<number>
  deleteStream(name: string): Promise<void>
  openProducer(stream: string): Promise<LoadProducer>
  /** Begins to read all of the stream; fulfils when no record that is sent from now on is missed. */
  openReader(options: ReaderOptions): Promise<LoadReader>
  /** Joins a group as one more member. Absent where the system has no groups. */
  joinGroup?(group: string, options: ReaderOptions): Promise<LoadReader>
  deleteGroup?(group: string): Promise<void>
  close(): Promise<void>
}
