// The calls by which an import reads a Kinesis stream: its shards, and the pages of one of them. Runs in the process that imports.
import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListShardsCommand,
  type GetRecordsOutput,
  type KinesisClient,
  type Shard,
  type StreamDescriptionSummary,
} from '@aws-sdk/client-kinesis'
import { insist, type Patience } from '../patience.ts'

/** Where the shards begin that no position is known of. */
export type ImportStart = 'TRIM_HORIZON' | { readonly atTimestamp: number }

/** A page of a shard. */
export interface SourcePage {
  readonly records: NonNullable<GetRecordsOutput['Records']>
  readonly millisBehindLatest: number
  /** Undefined at the end of a closed shard. */
  readonly next: string | undefined
}

const RECORDS_MAX = 10_000

/** A stream at the other side. Every call is patient. */
export class Source {
  readonly #client: KinesisClient
  readonly #patience: Patience
  readonly #stream: string

  constructor(client: KinesisClient, stream: string, patience: Patience) {
    this.#client = client
    this.#stream = stream
    this.#patience = patience
  }

  async describe(): Promise<StreamDescriptionSummary> {
    const { signal: abortSignal } = this.#patience
    const command = new DescribeStreamSummaryCommand({ StreamName: this.#stream })
    const { StreamDescriptionSummary } = await this.#insist(() => this.#client.send(command, { abortSignal }))
    return StreamDescriptionSummary!
  }

  /** All shards that still have records, closed ones too. */
  async shards(): Promise<Shard[]> {
    const { signal: abortSignal } = this.#patience
    const shards: Shard[] = []
    let NextToken: string | undefined
    do {
      const command = new ListShardsCommand(
        NextToken === undefined ? { StreamName: this.#stream } : { NextToken },
      )
      const page = await this.#insist(() => this.#client.send(command, { abortSignal }))
      shards.push(...(page.Shards ?? []))
      NextToken = page.NextToken
    } while (NextToken !== undefined)
    return shards
  }

  /** An iterator behind a record, or where the import starts. */
  async iterator(shardId: string, after: string | undefined, start: ImportStart): Promise<string> {
    const { signal: abortSignal } = this.#patience
    const place =
      after !== undefined
        ? { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, StartingSequenceNumber: after }
        : start === 'TRIM_HORIZON'
          ? { ShardIteratorType: start }
          : { ShardIteratorType: 'AT_TIMESTAMP' as const, Timestamp: new Date(start.atTimestamp) }
    const command = new GetShardIteratorCommand({ StreamName: this.#stream, ShardId: shardId, ...place })
    const { ShardIterator } = await this.#insist(() => this.#client.send(command, { abortSignal }))
    return ShardIterator!
  }

  /** The records at an iterator. Rejects with ExpiredIteratorException where it was kept for too long. */
  async page(iterator: string): Promise<SourcePage> {
    const { signal: abortSignal } = this.#patience
    const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: RECORDS_MAX })
    const { Records, MillisBehindLatest, NextShardIterator } = await this.#insist(() =>
      this.#client.send(command, { abortSignal }),
    )
    return {
      records: Records ?? [],
      millisBehindLatest: MillisBehindLatest ?? 0,
      next: NextShardIterator ?? undefined,
    }
  }

  #insist<T>(call: () => Promise<T>): Promise<T> {
    return insist(call, this.#patience)
  }
}
